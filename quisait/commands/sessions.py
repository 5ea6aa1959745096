"""`quisait sessions …`: who is signed on, and ending that."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quisait.assembly import opened_database
from quisait.commands.audit import by_command, opened_privacy
from quisait.faults import in_sentences, read_settings

if TYPE_CHECKING:
    from search_api.sign_on.personal_tokens import SqlPersonalTokens
    from search_api.sign_on.sessions import SqlSessions

sessions_app = typer.Typer(help="Sessions et jetons personnels des agents.", no_args_is_help=True)

OfAgent = Annotated[
    str, typer.Option("--agent", help="D'un seul agent (identifiant)", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Résultat en JSON, pour un programme")]


@dataclass(frozen=True, slots=True)
class Accesses:
    """What opens quisait in agents' names."""

    sessions: "SqlSessions"
    tokens: "SqlPersonalTokens"


@contextmanager
def _opened() -> Iterator[Accesses]:
    # Imported here: only these commands of the command line have a use for them.
    from quisait.signing_on import open_sessions
    from search_api.sign_on.personal_tokens import SqlPersonalTokens

    with in_sentences():
        settings = read_settings()
        with opened_database(settings) as database:
            # Tokens that the settings allow no longer are listed and revoked all the same.
            tokens = SqlPersonalTokens(database, max(1, settings.sign_on.token_days), _now_s)
            yield Accesses(open_sessions(settings, database), tokens)


@sessions_app.command("list")
def listed(agent: OfAgent = "", as_json: AsJson = False) -> None:
    """Les sessions ouvertes et les jetons personnels en cours."""
    with opened_privacy() as privacy:
        by_command(privacy, "quisait sessions list", agent)
    with _opened() as found:
        sessions, tokens = found.sessions.of(agent), found.tokens.of(agent)
    body: dict[str, list[dict[str, Any]]] = {
        "sessions": [
            {
                "agent": one.agent_id,
                "session": one.short,
                "begun": _moment(one.begun_s),
                "seen": _moment(one.seen_s),
            }
            for one in sessions
        ],
        "tokens": [
            {
                "agent": one.agent_id,
                "token": one.short,
                "made": one.made.isoformat(),
                "ends": one.ends.isoformat(),
                "last_used": one.last_used.isoformat() if one.last_used else None,
            }
            for one in tokens
        ],
    }
    if as_json:
        print(json.dumps(body, ensure_ascii=False, indent=2))
        return
    for row in body["sessions"]:
        print(f"session {row['session']}  {row['agent']}  vue le {row['seen']}")
    for row in body["tokens"]:
        print(f"jeton   {row['token']}  {row['agent']}  expire le {row['ends']}")
    print(f"{len(sessions)} sessions, {len(tokens)} jetons personnels.")


@sessions_app.command("revoke")
def revoke(
    agent: Annotated[str, typer.Argument(help="Identifiant de l'agent")] = "",
    everybody: Annotated[
        bool, typer.Option("--all", help="De tout le monde : chacun se reconnectera")
    ] = False,
    keep_tokens: Annotated[
        bool, typer.Option("--keep-tokens", help="Laisser les jetons personnels")
    ] = False,
) -> None:
    """Ferme les sessions et retire les jetons d'un agent, ou de tous : dès la demande suivante."""
    with _opened() as found:
        if bool(agent) == everybody:
            raise ValueError("Donnez un agent, ou --all pour tout le monde.")
        ended = found.sessions.revoke_all(agent)
        withdrawn = 0 if keep_tokens else found.tokens.revoke_all(agent)
    print(f"{ended} sessions fermées, {withdrawn} jetons personnels retirés.")


def _moment(moment_s: int) -> str:
    return datetime.fromtimestamp(moment_s, UTC).isoformat(timespec="minutes")


def _now_s() -> int:
    return int(datetime.now(UTC).timestamp())
