"""A source that an administrator adds."""
