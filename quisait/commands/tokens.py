"""`quisait sessions` and `quisait token`: sessions and tokens."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import sqlalchemy as sa
import typer

from quisait.application.opening import Opening
from quisait.application.progress import plural_count
from quisait.application.startup import (
    opened_application,
    opened_state,
)
from quisait.clock import now_s
from quisait.commands.answers import require_current
from quisait.commands.output import AsJson, print_json
from quisait.commands.privacy import opened_privacy
from quisait.privacy.retention import audit_command

if TYPE_CHECKING:
    from search_api.sign_on.sessions import SqlPersonalTokens, SqlSessions

sessions_app = typer.Typer(help="Sessions et jetons personnels des agents.", no_args_is_help=True)


def ended_text(sessions: int, tokens: int) -> str:
    """Return in French how many sessions and personal tokens were ended."""
    ended = plural_count(sessions, "session fermée")
    return f"{ended}, {plural_count(tokens, 'jeton personnel retiré')}"


OfAgent = Annotated[
    str, typer.Option("--agent", help="D'un seul agent (identifiant)", show_default=False)
]


@dataclass(frozen=True, slots=True)
class SessionStores:
    """The stores of sessions and personal tokens, and their database."""

    database: sa.Engine
    sessions: "SqlSessions"
    tokens: "SqlPersonalTokens"


@contextmanager
def opened_sessions(opening: Opening) -> Iterator[SessionStores]:
    """Open only the stores of sessions and personal tokens."""
    # Imported here: only these commands need them.
    from quisait.application.sign_on import open_sessions
    from search_api.sign_on.sessions import SqlPersonalTokens

    with opened_state(opening) as (settings, database):
        # Tokens that the settings no longer allow can still be listed and revoked.
        tokens = SqlPersonalTokens(database, max(1, settings.sign_on.token_days), now_s)
        yield SessionStores(database, open_sessions(settings, database), tokens)


@sessions_app.command("list")
def list_sessions(agent: OfAgent = "", as_json: AsJson = False) -> None:
    """Les sessions ouvertes et les jetons personnels en cours."""
    with opened_privacy(Opening.READ) as privacy:
        audit_command(privacy, "quisait sessions list", agent)
    with opened_sessions(Opening.READ) as found:
        sessions, tokens = found.sessions.of(agent), found.tokens.of(agent)
    body: dict[str, list[dict[str, Any]]] = {
        "sessions": [
            {
                "agent": session.agent_id,
                "session": session.short,
                "begun": _moment(session.begun_s),
                "seen": _moment(session.seen_s),
            }
            for session in sessions
        ],
        "tokens": [
            {
                "agent": token.agent_id,
                "token": token.short,
                "assistant": token.assistant,
                "made": token.made.isoformat(),
                "ends": token.ends.isoformat(),
                "last_used": token.last_used.isoformat() if token.last_used else None,
            }
            for token in tokens
        ],
    }
    if as_json:
        print_json(body)
        return
    for row in body["sessions"]:
        print(f"session {row['session']}  {row['agent']}  vue le {row['seen']}")
    for row in body["tokens"]:
        print(f"jeton   {row['token']}  {row['agent']}  expire le {row['ends']}")
    print(f"{len(sessions)} sessions, {len(tokens)} jetons personnels.")


@sessions_app.command("revoke")
def revoke_sessions(
    agent: Annotated[str, typer.Argument(help="Identifiant de l'agent")] = "",
    everybody: Annotated[
        bool, typer.Option("--all", help="De tout le monde : chacun se reconnectera")
    ] = False,
    keep_tokens: Annotated[
        bool, typer.Option("--keep-tokens", help="Laisser les jetons personnels")
    ] = False,
) -> None:
    """Ferme les sessions et retire les jetons d'un agent, ou de tous : dès la demande suivante."""
    with opened_sessions(Opening.WRITE) as found:
        if bool(agent) == everybody:
            raise ValueError("Donnez un agent, ou --all pour tout le monde.")
        ended = found.sessions.revoke_all(agent)
        withdrawn = 0 if keep_tokens else found.tokens.revoke_all(agent)
    print(f"{ended_text(ended, withdrawn)}.")


def _moment(moment_s: int) -> str:
    return datetime.fromtimestamp(moment_s, UTC).isoformat(timespec="minutes")


def token(
    agent: Annotated[str, typer.Argument(help="Identifiant de l'agent")],
    hours: Annotated[
        float, typer.Option(min=0.01, max=24 * 366, help="Durée du jeton, en heures")
    ] = 8,
) -> None:
    """Signe un jeton qui désigne un agent."""
    with opened_application(Opening.READ) as application:
        require_current(application)
        if application.book.agent(agent) is None:
            raise ValueError(
                "Cet agent n'est pas dans l'annuaire (« quisait directory read » le relit)."
            )
        # Imported here: loading FastAPI takes a second, and other commands do not need it.
        from quisait.server.app import tokens_of

        audit_command(application.privacy, "quisait token", f"as:{agent}")
        print(tokens_of(application.settings).make(agent, int(time.time()), int(hours * 3600)))
