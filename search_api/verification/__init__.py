"""Verification: authors say whether their documents are still right, when a review is due."""
