"""What is held about the one who asks, and what they ask of it."""
