"""Mail to agents: their choices, the outbox, unsubscribe links, the SMTP server."""
