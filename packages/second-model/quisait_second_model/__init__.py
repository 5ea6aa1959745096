"""A second model that rereads the first documents of a search (docs/recherche.md)."""
