"""The home page: pending tasks, news, and sample questions."""
