"""Questions put to colleagues, from asking to the accepted answer."""
