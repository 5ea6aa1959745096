"""What is kept: changes become passages, vectors and an index."""
