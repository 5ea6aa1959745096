"""Mails as threads, for connectors of mailboxes and of mailing lists' archives."""
