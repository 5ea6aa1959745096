"""The page before a question is asked: what waits, what is new, and samples."""
