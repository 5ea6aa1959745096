"""The reader's pending tasks, for the home page.

Each number equals the number on the page to which it leads.
"""

from dataclasses import dataclass, replace

from indexer.access import Reader
from search_api.context import AnswerContext, NotFound
from search_api.questions.service import waiting_for
from search_api.questions.storage import Asking
from search_api.verification.service import WhyVerify, marks_to_decide, to_verify
from search_api.verification.storage import Verifying
from search_api.waiting import WaitingLink, waiting_of


@dataclass(frozen=True, slots=True)
class ToDo:
    """Numbers of a reader's pending tasks.

    `answered`: the reader's questions with an answer to which they did not react. `marked`: texts
    to verify that somebody reported as no longer right. `added`: what waits in other features.
    `marks`, only for community managers: documents that were reported as no longer right and have
    no author to ask.
    """

    asked: int = 0
    answered: int = 0
    to_verify: int = 0
    marked: int = 0
    added: tuple[WaitingLink, ...] = ()
    marks: int = 0

    @property
    def nothing(self) -> bool:
        """Whether the reader has no pending task."""
        return self == ToDo()


def to_do(context: AnswerContext, reader: Reader) -> ToDo | None:
    """Return the reader's pending tasks; None if questions and verifications are off.

    Raises `IndexUnreachable`.
    """
    if context.part(Asking) is None and context.part(Verifying) is None:
        return None
    asked, answered = waiting_for(context, reader)
    waiting = ToDo(
        asked,
        answered,
        added=tuple(link for feature in waiting_of(context, reader) for link in feature.tasks),
        marks=marks_to_decide(context, reader),
    )
    if context.part(Verifying) is None:
        return waiting
    try:
        found = to_verify(context, reader)
    except NotFound:  # the directory does not know the reader
        return waiting
    doubted = len(found.answers)
    marked = sum(WhyVerify.MARKED in one.why for one in found.documents)
    return replace(waiting, to_verify=len(found.documents) + doubted, marked=marked + doubted)
