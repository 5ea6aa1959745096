"""Declares chosen sentences: their settings, check, route and block on the results page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from quisait.features import Feature, SettingsPart

if TYPE_CHECKING:
    from quisait.application.assembly import Application
    from quisait.settings import Settings
    from search_api.features import WebFeature


def _require(settings: Settings) -> None:
    """Require sources whose passages are sent to be sources of the settings."""
    from quisait.settings import QUESTIONS_SOURCE
    from quisait_written_answer.settings import WrittenAnswerSettings

    known = {source.name for source in settings.sources} | {QUESTIONS_SOURCE}
    if others := sorted(set(settings.table(WrittenAnswerSettings).sources) - known):
        raise ValueError(
            f"[written_answer] sources nomme « {others[0]} », qui n'est le nom d'aucune source"
        )


def _checks(settings: Settings) -> Mapping[str, Callable[[], str]]:
    from quisait_written_answer.settings import WrittenAnswerSettings

    own = settings.table(WrittenAnswerSettings)
    if not own.url:
        return {}
    from quisait_written_answer.opening import check_model

    return {"phrases choisies": partial(check_model, own)}


def _web(application: Application) -> WebFeature | None:
    from quisait_written_answer.settings import WrittenAnswerSettings

    if not application.settings.table(WrittenAnswerSettings).url:
        return None
    from quisait_written_answer.opening import open_writing
    from quisait_written_answer.routes import web_feature

    return web_feature(open_writing(application))


def _report(settings: Settings) -> Mapping[str, Sequence[str]]:
    from quisait_written_answer.settings import WrittenAnswerSettings

    own = settings.table(WrittenAnswerSettings)
    if not own.url:
        return {}
    passages = "lisibles de qui demande" if own.restricted else "de documents ouverts à tous"
    return {
        "transfers": (
            f"Modèle de langue {own.model}, à {own.url} : à la demande d'un agent, sa question, "
            f"sans son nom, et des extraits {passages}, des sources {', '.join(own.sources)}. Rien "
            "n'en est gardé ici ; ce serveur suit ses propres règles.",
        )
    }


FEATURE = Feature(
    name="written-answer",
    settings=(
        SettingsPart("written_answer", "quisait_written_answer.settings:WrittenAnswerSettings"),
    ),
    require=_require,
    checks=_checks,
    web=_web,
    report=_report,
)
