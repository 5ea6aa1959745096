"""Serve the pages and the API, the metrics and the demo's intranet."""
