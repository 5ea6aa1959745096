"""Archives of mailing lists: mbox files, and Sympa's folders (docs/sources/listes.md)."""
