"""Documents that applications push."""
