"""Declares reports and moderation of questions: the command, the state, the pages and API."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from quisait.features import Feature

if TYPE_CHECKING:
    from quisait.application.assembly import Application
    from search_api.features import WebFeature
    from search_api.waiting import WaitingOf


def _parts(application: Application) -> Iterator[WaitingOf]:
    if application.settings.questions.enabled:
        from quisait_moderation.waiting import WAITING

        yield WAITING


def _shown_states(application: Application) -> Mapping[str, Callable[[], str]]:
    if not application.settings.questions.enabled:
        return {}
    from quisait_moderation.command import reports_state

    return {"signalements": partial(reports_state, application)}


def _web(_: Application) -> WebFeature:
    from quisait_moderation.web import moderation_web

    return moderation_web()


FEATURE = Feature(
    name="moderation",
    parts=_parts,
    shown_states=_shown_states,
    commands={
        "questions reports": (
            "quisait_moderation.command:reports",
            "Combien de textes signalés attendent, et s'il faut que quelqu'un s'en occupe.",
        )
    },
    web=_web,
)
