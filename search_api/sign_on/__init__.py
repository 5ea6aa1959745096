"""Who signs on, and what keeps them signed on: provider, sessions, signed header, tokens."""
