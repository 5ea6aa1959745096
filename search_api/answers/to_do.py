"""What waits for a reader, for the home page: each number is that of the page that it leads to."""

from dataclasses import dataclass

from indexer.access import Reader
from search_api.answers.asking import waiting_for
from search_api.answers.context import AnswerContext, NotFound
from search_api.answers.verification import WhyVerify, to_verify


@dataclass(frozen=True, slots=True)
class ToDo:
    """Numbers of questions put to the reader, of their answered questions, of texts to verify.

    `answered`: their questions with an answer to which they did not react. `marked`: texts to
    verify that a reader marked as outdated.
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
    try:
        texts = to_verify(context, reader).documents if context.verifying else ()
    except NotFound:  # the directory does not know the reader
        texts = ()
    marked = sum(WhyVerify.MARKED in one.why for one in texts)
    return ToDo(asked, answered, len(texts), marked)
