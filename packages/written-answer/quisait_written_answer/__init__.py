"""A written answer: a model's sentences, each checked against the passages that it cites."""
