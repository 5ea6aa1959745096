"""`quisait sessions`, `quisait push` and `quisait token`: sessions and tokens."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import sqlalchemy as sa
import typer

from indexer.errors import IndexRefused
from quisait.application.opening import Opening
from quisait.application.progress import plural_count
from quisait.application.sources import open_inbox, opened_push_tokens, sources_named
from quisait.application.startup import (
    errors_as_sentences,
    opened_application,
    opened_state,
    read_settings,
)
from quisait.clock import now_s
from quisait.commands.answers import require_current
from quisait.commands.output import AsJson, print_json
from quisait.commands.privacy import opened_privacy
from quisait.privacy.retention import audit_command
from quisait.settings import Settings
from quisait.settings.types import seconds_of

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


push_app = typer.Typer(help="Sources que des applications alimentent.", no_args_is_help=True)
token_app = typer.Typer(help="Jetons de ces applications.", no_args_is_help=True)
push_app.add_typer(token_app, name="token")

Source = Annotated[str, typer.Argument(metavar="SOURCE", help="Une source de genre « push »")]


@push_app.command("keep-only")
def keep_only(
    source: Source,
    listing: Annotated[
        Path,
        typer.Argument(
            metavar="FICHIER", help="Identifiants de tous les documents qui restent, un par ligne"
        ),
    ],
    accept_deletions: Annotated[
        bool,
        typer.Option(
            "--accept-deletions", help="Confirmer la disparition d'une grande part de la source"
        ),
    ] = False,
) -> None:
    """Supprime d'une source ce que son application n'a plus, d'après la liste de ce qu'elle a.

    Ce qui a été reçu depuis que la liste est écrite reste.
    """
    with opened_state(Opening.WRITE) as (settings, database):
        _require_push_source(settings, source)
        kept, listed = _read_listing(listing)
        inbox = open_inbox(settings, database)
        standing = inbox.standing(source)
        gone = sorted(name for name, at in standing.items() if name not in kept and at < listed)
        share = 1.0 if accept_deletions else settings.guard_share
        if len(gone) > share * len(standing):
            raise IndexRefused(
                f"{len(gone)} des {len(standing)} documents de {source} disparaîtraient : rien "
                "n'est supprimé. Vérifiez que la liste est entière, puis relancez avec "
                "« --accept-deletions »."
            )
        inbox.delete(source, gone)
    print(f"{source} : {len(gone)} supprimés, {len(standing) - len(gone)} gardés.")


def _read_listing(path: Path) -> tuple[frozenset[str], datetime]:
    """Return the ids in a file, and when the file was written. Raises `ValueError`."""
    try:
        text = path.read_text("utf-8-sig")
        listed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except (OSError, UnicodeDecodeError):
        raise ValueError(f"{path} ne se lit pas : donnez un fichier de texte en UTF-8.") from None
    names = frozenset(filter(None, map(str.strip, text.splitlines())))
    if not names:
        raise ValueError(f"{path} ne nomme aucun document : la liste est-elle entière ?")
    return names, listed


Token = Annotated[
    str, typer.Argument(metavar="JETON", help="Son nom court (« quisait push token list »)")
]


@token_app.command("add")
def add_push_token(
    source: Source,
    label: Annotated[
        str, typer.Option(help="Pour la reconnaître : l'application qui le tient")
    ] = "",
) -> None:
    """Fait un jeton pour une source et l'affiche, cette seule fois."""
    with errors_as_sentences():
        settings = read_settings()
        _require_push_source(settings, source)
        with opened_push_tokens(settings, Opening.WRITE) as tokens:
            print(tokens.add(source, label[:200]))
    print(
        "Donnez ce jeton à l'application : il ne sera plus montré, seule son empreinte est gardée.",
        file=sys.stderr,
    )


@token_app.command("list")
def list_push_tokens(source: Source) -> None:
    """Les jetons d'une source : leur nom court, leur date, leur application."""
    with errors_as_sentences(), opened_push_tokens(read_settings(), Opening.READ) as tokens:
        rows = tokens.of(source)
    if not rows:
        print(f"{source} : aucun jeton.")
    for row in rows:
        ends = f"jusqu'au {row.ends.astimezone():%d/%m/%Y %H:%M}" if row.ends else ""
        used = f"servi le {row.used:%d/%m/%Y}" if row.used else "jamais servi"
        fields = (row.id, f"{row.created:%d/%m/%Y}", used, ends, row.label)
        print("  ".join(filter(None, fields)))


@token_app.command("rotate")
def rotate_push_token(
    source: Source,
    token: Token,
    overlap: Annotated[
        str, typer.Option(metavar="DURÉE", help="Temps pendant lequel l'ancien ouvre encore")
    ] = "7 j",
) -> None:
    """Fait un jeton à la place d'un autre, qui ouvre encore pendant « --overlap »."""
    with errors_as_sentences(), opened_push_tokens(read_settings(), Opening.WRITE) as tokens:
        new = tokens.rotate(source, token, timedelta(seconds=seconds_of(overlap)))
        if new is None:
            raise _unknown_token(source, token)
    print(new)
    print(
        f"Donnez ce jeton à l'application : il ne sera plus montré. Le jeton {token} ouvre encore "
        f"pendant {overlap} ; « quisait push token list {source} » dit s'il sert.",
        file=sys.stderr,
    )


@token_app.command("revoke")
def revoke_push_token(source: Source, token: Token) -> None:
    """Retire un jeton : dès maintenant, il n'ouvre plus rien."""
    with errors_as_sentences(), opened_push_tokens(read_settings(), Opening.WRITE) as tokens:
        if not tokens.revoke(source, token):
            raise _unknown_token(source, token)
    print(f"Jeton {token} retiré.")


def _unknown_token(source: str, token: str) -> ValueError:
    # Print only its beginning: it may be the whole token instead of its name.
    return ValueError(
        f"{source} n'a pas de jeton {token[:8]} : voyez « quisait push token list {source} »."
    )


def _require_push_source(settings: Settings, source: str) -> None:
    (named,) = sources_named(settings, [source])
    if named.kind != "push":
        raise IndexRefused(
            f"{source} est de genre « {named.kind} » : seule une source « push » reçoit."
        )


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
