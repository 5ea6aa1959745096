"""Builds of who holds which topic by Spark (docs/recherche.md)."""
