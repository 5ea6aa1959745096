"""Export files in JSON Lines, as a source."""
