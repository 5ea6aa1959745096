"""A MediaWiki wiki, as a source."""
