"""Topics, isolation, coverage: what the last build says, under a reader's rights."""
