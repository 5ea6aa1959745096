"""A question to what tantivy is asked; pure values, compared whole in tests."""

from indexer.asking import Asked, read_asked
from indexer.french import folded_words
from indexer.values import Question

MAX_TERMS = 512
"""More distinct terms than that are dropped, and the answer says so."""


def text_request(question: Question, *, most_words: bool = False) -> Asked:
    """Read a question within the limits of this engine."""
    return read_asked(question, MAX_TERMS, most_words=most_words)


def typed_words(prefix: str) -> tuple[tuple[str, ...], str]:
    """(whole words, the beginning of the last one) of what is being typed; both may be empty."""
    words = folded_words(prefix)[:MAX_TERMS]
    return (tuple(words[:-1]), words[-1]) if words else ((), "")
