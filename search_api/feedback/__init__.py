"""Opinions of readers on results and documents, and favourites."""
