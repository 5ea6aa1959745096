"""Declares the tools of agents' assistants: settings, table, command, pages and `/mcp`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from quisait.features import Feature, SettingsPart

if TYPE_CHECKING:
    import sqlalchemy as sa

    from quisait.application.assembly import Application
    from quisait.settings import Settings
    from search_api.features import WebFeature


def _require(settings: Settings) -> None:
    """Require the identity provider of access tokens, whose audience is not that of sign-on."""
    from quisait_mcp.settings import AssistantSettings

    audience = settings.table(AssistantSettings).audience
    if audience and not settings.oidc.issuer:
        raise ValueError("[assistants] audience demande un fournisseur d'identité ([oidc] issuer)")
    if audience and audience == settings.oidc.client_id:
        raise ValueError(
            "[assistants] audience ne peut être [oidc] client_id, qui est celui d'autres jetons"
        )


def _tables() -> Sequence[sa.MetaData]:
    from quisait_mcp.storage import metadata

    return (metadata,)


def _web(application: Application) -> WebFeature | None:
    """Return pages and routes. Agents have tokens if they can sign on, and in the demonstration."""
    from quisait.application.sign_on import open_personal_tokens
    from quisait.clock import now_s
    from quisait.server.app import share_of
    from quisait_mcp.routes import web_feature
    from quisait_mcp.service import Assistants
    from quisait_mcp.settings import AssistantSettings
    from quisait_mcp.storage import SqlAssistantCalls

    settings, database = application.settings, application.database
    own = settings.table(AssistantSettings)
    if not own.enabled:
        return None
    in_person = settings.has_sign_on or settings.server.reader == "demo"
    return web_feature(
        Assistants(
            open_personal_tokens(settings, database) if in_person else None,
            SqlAssistantCalls(database, now_s),
            application.reader,
            own.kept_days,
            own.audience,
            share_of(own.per_minute, settings.door.servers),
        )
    )


def _purge(settings: Settings, database: sa.Engine) -> None:
    from quisait.clock import now
    from quisait_mcp.settings import AssistantSettings
    from quisait_mcp.storage import forget_calls

    since = now() - timedelta(days=settings.table(AssistantSettings).kept_days)
    forget_calls(database, int(since.timestamp()))


def _report(settings: Settings) -> Mapping[str, Sequence[str]]:
    from quisait_mcp.settings import AssistantSettings

    own = settings.table(AssistantSettings)
    if not own.enabled:
        return {}
    return {
        "data": (
            "Assistants : de chaque appel au nom d'un agent, la date, l'outil et le nom du jeton, "
            "montrés à lui seul ; ni la question ni le document lu.",
        ),
        "transfers": (
            "Assistants auxquels un agent donne un jeton : ce qu'ils cherchent et lisent en son "
            "nom, là où ils sont tenus.",
        ),
        "periods": (f"Appels d'assistants : {own.kept_days} jours.",),
    }


FEATURE = Feature(
    name="assistants",
    settings=(SettingsPart("assistants", "quisait_mcp.settings:AssistantSettings"),),
    require=_require,
    tables=_tables,
    commands={
        "mcp": (
            "quisait_mcp.command:mcp",
            "Relie un assistant local (MCP sur stdio) à un site, par un jeton.",
        )
    },
    web=_web,
    purge=_purge,
    report=_report,
)
