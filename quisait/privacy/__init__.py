"""What is kept about agents, for how long, and what a restored backup is told."""
