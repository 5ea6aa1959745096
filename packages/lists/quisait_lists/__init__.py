"""Archives of mailing lists: mbox files, Sympa's folders, HyperKitty (docs/sources/courriels.md)."""
