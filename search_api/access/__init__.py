"""Signing on, and the page of an agent's sessions and personal tokens."""
