"""Turns changes of documents into passages, vectors and an index."""
