"""Mail to agents: what they choose, the queue, the links that end it; the servers it passes by."""
