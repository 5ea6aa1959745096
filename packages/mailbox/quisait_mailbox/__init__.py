"""Folders of a shared mailbox, read by IMAP (docs/sources/boite.md)."""
