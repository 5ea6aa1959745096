"""Declares proposed questions: their settings, tables, task, state and line of the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from quisait.features import Feature, SettingsPart, Task

if TYPE_CHECKING:
    import sqlalchemy as sa

    from quisait.application.assembly import Application
    from quisait.settings import Settings

PROPOSALS = "@questions-proposees"
"""Name of the task that asks a model which questions documents answer."""


def _tables() -> Sequence[sa.MetaData]:
    from quisait_proposed_questions.storage import metadata

    return (metadata,)


def _tasks(application: Application) -> Iterator[Task]:
    from quisait.work.runs import pace_of
    from quisait_proposed_questions.settings import ProposedQuestionsSettings

    own = application.settings.table(ProposedQuestionsSettings)
    if own.server:
        from quisait_proposed_questions.proposing import Proposals, open_server

        proposals = Proposals(application, open_server(own))
        pace = pace_of(application.settings, "1 min")
        yield Task(PROPOSALS, pace, lambda _held, stop: proposals.work(stop))


def _states(settings: Settings) -> Mapping[str, Callable[[sa.Engine], str]]:
    from quisait_proposed_questions.settings import ProposedQuestionsSettings

    if not settings.table(ProposedQuestionsSettings).server:
        return {}
    from quisait_proposed_questions.proposing import proposals_state

    return {"questions proposées": partial(proposals_state, settings)}


def _report(settings: Settings) -> Mapping[str, Sequence[str]]:
    from quisait_proposed_questions.settings import ProposedQuestionsSettings

    own = settings.table(ProposedQuestionsSettings)
    if not own.server:
        return {}
    every = own.documents == "all"
    which = "de tous les documents" if every else "des documents ouverts à tous les agents"
    return {
        "transfers": (
            f"Modèle de langue {own.model}, à {own.server} : le titre et le texte {which}, une "
            "fois par texte, noms compris s'il en contient, sauf ceux des espaces evidence = "
            '"none". Il en revient des questions, sans nom. Ce serveur suit ses propres règles.',
        )
    }


FEATURE = Feature(
    name="proposed-questions",
    settings=(
        SettingsPart(
            "expected_questions",
            "quisait_proposed_questions.settings:ProposedQuestionsSettings",
        ),
    ),
    tables=_tables,
    tasks=_tasks,
    states=_states,
    report=_report,
)
