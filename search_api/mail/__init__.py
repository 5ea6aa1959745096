"""Mail to agents: what they choose, the queue, the links that end it, and the SMTP server."""
