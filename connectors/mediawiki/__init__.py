"""A MediaWiki wiki."""
