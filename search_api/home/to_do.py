"""What waits for a reader, for the home page: each number is that of the page that it leads to."""

from dataclasses import dataclass

from indexer.access import Reader
from search_api.context import AnswerContext, NotFound
from search_api.questions.service import waiting_for
from search_api.verification.service import WhyVerify, to_verify


@dataclass(frozen=True, slots=True)
class ToDo:
    """Numbers of questions put to the reader, of their answered questions, of texts to verify.

    `answered`: their questions with an answer to which they did not react. `marked`: those texts
    that a reader says are no longer right.
    """

    asked: int = 0
    answered: int = 0
    to_verify: int = 0
    marked: int = 0


def to_do(context: AnswerContext, reader: Reader) -> ToDo | None:
    """Return what waits for the reader; None if nothing is ever asked of agents here.

    Raises `IndexUnreachable`.
    """
    if context.asking is None and context.verifying is None:
        return None
    asked, answered = waiting_for(context, reader)
    if context.verifying is None:
        return ToDo(asked, answered)
    try:
        found = to_verify(context, reader)
    except NotFound:  # the directory does not know the reader
        return ToDo(asked, answered)
    doubted = len(found.answers)
    marked = sum(WhyVerify.MARKED in one.why for one in found.documents)
    return ToDo(asked, answered, len(found.documents) + doubted, marked + doubted)
