"""Declares feeds: settings, table, command, pages and routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from quisait.features import Feature, SettingsPart

if TYPE_CHECKING:
    import sqlalchemy as sa

    from quisait.application.assembly import Application
    from quisait.settings import Settings
    from search_api.features import WebFeature


def _tables() -> Sequence[sa.MetaData]:
    from quisait_feeds.storage import metadata

    return (metadata,)


def _has_tokens(settings: Settings) -> bool:
    """Return whether agents may have a token: they sign on, or choose who they are in the demo.

    Who allows no personal tokens (`token_days = 0`) allows none of feeds either.
    """
    in_person = settings.has_sign_on or settings.server.reader == "demo"
    return in_person and settings.sign_on.token_days > 0


def _web(application: Application) -> WebFeature | None:
    """Return pages and routes; CSV alone if agents may have no token."""
    from quisait.clock import now_s
    from quisait_feeds.routes import web_feature
    from quisait_feeds.service import Feeds
    from quisait_feeds.settings import FeedSettings
    from quisait_feeds.storage import SqlFeedTokens

    settings = application.settings
    own = settings.table(FeedSettings)
    if not own.enabled:
        return None
    if not _has_tokens(settings):
        return web_feature(None)
    tokens = SqlFeedTokens(application.database, own.days, now_s)
    return web_feature(Feeds(tokens, application.reader))


def _purge(_: Settings, database: sa.Engine) -> None:
    from quisait.clock import now_s
    from quisait_feeds.storage import forget_expired

    forget_expired(database, now_s())


def _report(settings: Settings) -> Mapping[str, Sequence[str]]:
    from quisait_feeds.settings import FeedSettings

    own = settings.table(FeedSettings)
    if not (own.enabled and _has_tokens(settings)):
        return {}
    return {
        "data": (
            "Flux Atom : de l'adresse secrète d'un agent, son empreinte, le jour où elle est "
            "faite et celui de son dernier usage ; ni les recherches ni ce qui est lu.",
        ),
        "transfers": (
            "Lecteurs de flux auxquels un agent donne son adresse secrète : titres, auteurs et "
            "extraits de ce qu'il peut lire, là où ils sont tenus.",
        ),
        "periods": (f"Adresse secrète des flux : {own.days} jours.",),
    }


FEATURE = Feature(
    name="feeds",
    settings=(SettingsPart("feeds", "quisait_feeds.settings:FeedSettings"),),
    tables=_tables,
    accesses={"feed_tokens": "adresses secrètes des flux"},
    commands={
        "feeds": ("quisait_feeds.command:feeds_app", "Adresses secrètes des flux Atom d'agents.")
    },
    web=_web,
    purge=_purge,
    report=_report,
)
