"""Atom feeds that an agent's feed reader opens by a secret address, and results as CSV."""
