"""Favourites of agents: documents, colleagues and topics that they want to find again."""
