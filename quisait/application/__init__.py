"""Assemble the application from its settings: database, engines, sources, locks and logs."""
