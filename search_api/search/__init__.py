"""Search: one question to documents and people, its results, and the page."""
