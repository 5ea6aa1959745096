"""Fuse the two rankings into pages of results, rerank them and explain them."""
