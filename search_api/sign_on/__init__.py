"""Identification of agents: provider, sessions, signed header, tokens."""
