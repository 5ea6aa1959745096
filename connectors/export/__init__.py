"""Exports as JSON Lines."""
