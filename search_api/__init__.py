"""Search, experts and pages: the only package that answers readers."""
