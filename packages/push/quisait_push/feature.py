"""Declares pushed documents: their settings, tables, routes, commands and metrics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from quisait.features import Feature, SettingsPart, SourceStore

if TYPE_CHECKING:
    import sqlalchemy as sa
    from prometheus_client.core import Metric

    from quisait.application.assembly import Application
    from quisait.settings import Settings
    from search_api.features import WebFeature


def _require(settings: Settings) -> None:
    from quisait_push.settings import push_sources

    push_sources(settings)


def _tables() -> Sequence[sa.MetaData]:
    from quisait_push.tokens import push_tokens

    return (push_tokens.metadata,)


def _source_stores(database: sa.Engine) -> Sequence[SourceStore]:
    from quisait_push.store import PushStore

    return (PushStore(database),)


def _secret_files(settings: Settings) -> Iterator[str]:
    from quisait_push.settings import push_sources

    for options in push_sources(settings).values():
        yield from filter(None, options.file_hosts.values())


def _tls_servers(settings: Settings) -> Iterator[tuple[str, int]]:
    from urllib.parse import urlsplit

    from quisait_push.settings import push_sources

    for options in push_sources(settings).values():
        for origin in map(urlsplit, options.file_hosts):
            if origin.scheme == "https" and origin.hostname:
                yield origin.hostname, origin.port or 443


def _metrics(application: Application) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    from quisait_push.settings import push_sources
    from quisait_push.sources import open_inbox

    waiting = GaugeMetricFamily(
        "quisait_source_push_waiting",
        "Pushed documents that are not yet applied.",
        labels=["source"],
    )
    inbox = open_inbox(application.settings, application.database)
    for name in push_sources(application.settings):
        waiting.add_metric([name], inbox.backlog(name).items)
    yield waiting


def _web(application: Application) -> WebFeature:
    from quisait_push.inbox import PushService
    from quisait_push.settings import push_sources
    from quisait_push.sources import open_inbox, push_limits
    from quisait_push.tokens import PushTokens
    from quisait_push.web import push_web

    settings, database = application.settings, application.database
    origins = {
        name: frozenset(options.file_hosts) for name, options in push_sources(settings).items()
    }
    inbox, tokens = open_inbox(settings, database), PushTokens(database)
    return push_web(PushService(inbox, tokens, origins, push_limits(settings)) if origins else None)


FEATURE = Feature(
    name="push",
    settings=(SettingsPart("push", "quisait_push.settings:PushSettings"),),
    require=_require,
    tables=_tables,
    accesses={"push_tokens": "jetons des applications"},
    source_stores=_source_stores,
    secret_files=_secret_files,
    tls_servers=_tls_servers,
    metrics=_metrics,
    commands={
        "push": ("quisait_push.commands:push_app", "Sources que des applications alimentent.")
    },
    web=_web,
)
