"""Folders of a shared mailbox, read through IMAP (docs/sources/courriels.md)."""
