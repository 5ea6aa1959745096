"""Pages of a git repository, as a source (docs/sources/wikis.md)."""
