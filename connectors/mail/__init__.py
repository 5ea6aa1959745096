"""Turn mails into threads, for connectors of mailboxes and mailing list archives."""
