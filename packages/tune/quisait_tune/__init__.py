"""An order of results that is learned from a site's own judged questions (docs/recherche.md)."""
