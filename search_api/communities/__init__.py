"""Communities of a topic: proposals, members, and their pages."""
