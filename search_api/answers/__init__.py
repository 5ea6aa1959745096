"""One function for each kind of request that a reader can make."""
