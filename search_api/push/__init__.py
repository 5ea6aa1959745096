"""How applications push documents to a source."""
