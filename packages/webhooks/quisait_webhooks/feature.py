"""Declares webhooks: their settings, tables, task and description."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from quisait.features import Feature, SettingsPart, Task

if TYPE_CHECKING:
    import sqlalchemy as sa

    from quisait.application.assembly import Application
    from quisait.settings import Settings
    from search_api.features import WebFeature

WEBHOOKS = "@webhooks"
"""Name of the task that sends events to applications."""


def _require(settings: Settings) -> None:
    """Require the pages' address, and a different name for each receiver."""
    from quisait_webhooks.settings import WebhookSettings

    receivers = settings.tables(WebhookSettings)
    if receivers and not settings.sign_on.address:
        raise ValueError("[[webhooks]] demande [sign_on] address : les avis mènent aux pages")
    if len({receiver.name for receiver in receivers}) < len(receivers):
        raise ValueError("deux [[webhooks]] portent le même nom : renommez l'un d'eux")


def _tables() -> Sequence[sa.MetaData]:
    from quisait_webhooks.storage import metadata

    return (metadata,)


def _tasks(application: Application) -> Iterator[Task]:
    from quisait.work.runs import pace_of
    from quisait_webhooks.sending import send_webhooks
    from quisait_webhooks.settings import WebhookSettings

    if application.settings.tables(WebhookSettings):
        pace = pace_of(application.settings, "1 min")
        yield Task(WEBHOOKS, pace, lambda _held, stop: send_webhooks(application, stop))


def _before_build(application: Application) -> int:
    from quisait_webhooks.sending import queue_topic_changes

    return queue_topic_changes(application)


def _states(settings: Settings) -> Mapping[str, Callable[[sa.Engine], str]]:
    from quisait_webhooks.settings import WebhookSettings

    if not settings.tables(WebhookSettings):
        return {}
    from quisait_webhooks.sending import webhooks_state

    return {"webhooks": partial(webhooks_state, settings)}


def _web(_: Application) -> WebFeature:
    from quisait_webhooks.schemas import describe_webhooks
    from search_api.features import WebFeature

    return WebFeature(describe=describe_webhooks)


FEATURE = Feature(
    name="webhooks",
    settings=(
        SettingsPart(
            "webhooks",
            "quisait_webhooks.settings:WebhookSettings",
            repeated=True,
            each="Une table par application avertie.",
            about="Les applications averties se suivent, une table `[[webhooks]]` chacune "
            "(docs/api.md). La variable\n`QUISAIT_WEBHOOKS`, une liste en JSON, les remplace "
            "toutes.",
            example={
                "name": "intranet",
                "url": "https://intranet.exemple.fr/quisait",
                "secret_file": "secrets/webhook-intranet",
            },
        ),
    ),
    require=_require,
    tables=_tables,
    tasks=_tasks,
    before_build=_before_build,
    states=_states,
    web=_web,
)
