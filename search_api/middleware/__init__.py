"""Middleware that every HTTP request passes before a route: limits, security headers, metrics."""
