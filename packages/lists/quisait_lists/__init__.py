"""Archives of mailing lists: mbox, Sympa's folders, HyperKitty (docs/sources/courriels.md)."""
