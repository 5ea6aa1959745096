"""What a question marks in a passage; the same on every engine, pure."""

from indexer.french import asked
from indexer.pieces import marked
from indexer.values import Question


def question_terms(question: Question) -> frozenset[str]:
    """Every term that a passage is liked, and highlighted, for.

    Of the expansions, acronyms and single words only: a word of a phrase says little alone.
    """
    words = {found.term for found in asked(question.text)}
    groups = (text for group in question.any_of for text in group)
    for text in (*question.phrases, *groups):
        words.update(found.term for found in asked(text, phrase=True))
    for other in (other for expansion in question.expansions for other in expansion.others):
        found = asked(other, phrase=True)
        words.update(term.term for term in found if len(found) == 1)
    return frozenset(words)


def highlights(text: str, wanted: frozenset[str]) -> tuple[tuple[int, int], ...]:
    """(start, end) of each wanted term, in reading order, none within another."""
    if not wanted:
        return ()
    found: list[tuple[int, int]] = []
    for start, end in marked(text, wanted):
        if not found or start >= found[-1][1]:
            found.append((start, end))
    return tuple(found)
