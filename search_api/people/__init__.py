"""Who knows, agents' pages, and what people correct about themselves."""
