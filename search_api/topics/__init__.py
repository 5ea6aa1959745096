"""Topics: their pages, coverage and isolation, with maps."""
