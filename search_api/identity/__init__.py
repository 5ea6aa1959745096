"""Identify the reader of a request: tokens, authorities, and the roles they hold."""
