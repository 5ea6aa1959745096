"""Declares the desk, where administrators try and add sources: settings, commands, pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from quisait.features import Feature, SettingsPart

if TYPE_CHECKING:
    from quisait.application.assembly import Application
    from quisait_desk.sources import DeskSources
    from search_api.features import WebFeature

_ENTERED = "source à ajouter\u00a0: ce qui est demandé"
_ALL_TITLES = "essai d’une source à ajouter, tous ses titres montrés"
_WRITTEN = "source écrite dans les réglages"
ACCESSES = {
    "GET /administration/new-source": _ENTERED,
    "POST /administration/new-source": _ENTERED,
    "POST /administration/new-source/{source}/trial": "essai d’une source à ajouter",
    "POST /administration/new-source/{source}/titles": _ALL_TITLES,
    "POST /administration/new-source/{source}/settings": _WRITTEN,
    "quisait source try": _ALL_TITLES,
    "quisait source add": _WRITTEN,
}
"""French descriptions of pages and commands in the audit log."""


def _web(application: Application) -> WebFeature:
    from quisait_desk.settings import DeskSettings
    from quisait_desk.sources import DeskSources
    from search_api.features import WebFeature

    if application.settings.table(DeskSettings).sources == "none":
        return WebFeature(accesses=ACCESSES)
    return desk_pages(
        DeskSources(
            application.settings,
            application.book,
            application.known,
            read_soon=application.state.request_run,
        )
    )


def desk_pages(sources: DeskSources) -> WebFeature:
    """Return the pages that add sources."""
    from quisait_desk.routes import new_source_router
    from search_api.features import WebFeature

    return WebFeature(
        routers=(new_source_router,),
        service=sources,
        templates=Path(__file__).parent / "templates",
        blocks={"administration.sources": "new_source_button.html"},
        values={"unread_sources": sources.unread_sources},
        accesses=ACCESSES,
    )


def _each_second(application: Application) -> Callable[[], object]:
    from quisait_desk.added_sources import AddedSources

    return AddedSources(application).take


FEATURE = Feature(
    name="desk",
    settings=(SettingsPart("desk", "quisait_desk.settings:DeskSettings"),),
    commands={
        "source": (
            "quisait_desk.commands:source_app",
            "Ajouter une source aux réglages, après l'avoir essayée.",
        ),
        "try": (
            "quisait_desk.commands:try_command",
            "Lit les premiers documents d'une source, dit qui les lirait, et n'en garde rien.",
        ),
    },
    web=_web,
    each_second=_each_second,
)
