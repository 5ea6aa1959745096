"""Wikis, issues, news and files of a Redmine (docs/sources/redmine.md)."""
