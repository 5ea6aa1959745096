"""Links to what waits for an animator, for the home page and the page of animators."""

from collections import defaultdict
from collections.abc import Iterator

from indexer.access import Reader
from quisait_moderation.service import ModerationDesk, to_moderate
from search_api.context import AnswerContext
from search_api.plain_text import plural
from search_api.questions.storage import Asking
from search_api.waiting import Waiting, WaitingLink, WaitingOf

_DESK = "/animation/questions"


def waiting_for_animator(context: AnswerContext, reader: Reader) -> Waiting:
    """Return what waits on the reader's desk; nothing if questions are off."""
    if context.part(Asking) is None:
        return Waiting()
    desk = to_moderate(context, reader)
    questions: dict[str, list[str]] = defaultdict(list)
    for question in desk.waiting:
        questions[question.topic_id].append(question.document_id)
    return Waiting(tuple(_tasks(desk)), (WaitingLink(_DESK, _summary(desk)),), questions)


def _tasks(desk: ModerationDesk) -> Iterator[WaitingLink]:
    """Yield entries of the home page, with the numbers of the desk."""
    if reports := len(desk.reported):
        label = "{num} texte signalé attend votre décision"
        several = "{num} textes signalés attendent votre décision"
        yield WaitingLink(_DESK, plural(label, several, reports))
    if unanswered := len(desk.waiting) + len(desk.unclassified):
        label = plural("{num} question à suivre", "{num} questions à suivre", unanswered)
        yield WaitingLink(f"{_DESK}#attendent", label, "Sans réponse, ou sans sujet.")


def _summary(desk: ModerationDesk) -> str:
    """Return all numbers of the desk in one line."""
    counts = (
        ("sans réponse", "sans réponse", "aucune sans réponse", len(desk.waiting)),
        ("texte signalé", "textes signalés", "aucun texte signalé", len(desk.reported)),
        ("sans sujet", "sans sujet", "aucune sans sujet", len(desk.unclassified)),
    )
    parts = [
        plural(f"{{num}} {label}", f"{{num}} {several}", count) if count else none
        for label, several, none, count in counts
    ]
    return f"Questions à suivre : {', '.join(parts)}{', et d’autres' if desk.more else ''}"


WAITING = WaitingOf(waiting_for_animator)
"""The part of the context by which other pages link to the desk."""
