"""What enters: one module per source, each yielding the same changes."""
