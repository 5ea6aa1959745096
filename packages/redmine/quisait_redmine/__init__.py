"""Wikis, issues, news and files of a Redmine, as a source (docs/sources/redmine.md)."""
