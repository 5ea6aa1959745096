"""Documents that sources push."""
