"""What a worker does: reading sources, making the index anew, building who knows."""
