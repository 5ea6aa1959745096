"""Connectors: one module or package per kind of source, each yielding the same changes."""
