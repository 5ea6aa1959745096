"""Documents that applications push, as a source."""
