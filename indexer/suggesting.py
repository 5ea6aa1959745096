"""Which of the titles that begin with what is typed are suggested; the same on every engine."""

from collections.abc import Iterable

from indexer.values import Suggestion

SUGGESTIONS_READ = 200
"""So many readable titles, the shortest (then by id), are read to choose the best few from."""


def best_titles(
    found: Iterable[tuple[str, str]], prefix: str, limit: int
) -> tuple[Suggestion, ...]:
    """Of (title, document id) pairs those that begin as typed first, then short ones."""
    typed = prefix.strip().casefold()
    ordered = sorted(
        found, key=lambda one: (not one[0].casefold().startswith(typed), len(one[0]), *one)
    )
    return tuple(Suggestion(document_id, title) for title, document_id in ordered[:limit])
