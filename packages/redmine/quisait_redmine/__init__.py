"""Wikis, issues, news and files of a Redmine, as a source (docs/sources/demandes.md)."""
