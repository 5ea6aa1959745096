"""A document's page, its original file and its text."""
