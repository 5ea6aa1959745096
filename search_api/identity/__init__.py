"""Who is asking, who vouches for it, and which roles they hold."""
