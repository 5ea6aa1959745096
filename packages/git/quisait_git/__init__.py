"""Pages of a git repository (docs/sources/git.md)."""
