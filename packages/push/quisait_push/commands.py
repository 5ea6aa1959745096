"""`quisait push`: tokens of applications that push, and what they still have."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from indexer.errors import IndexRefused
from quisait.application.database import opened_database
from quisait.application.opening import Opening
from quisait.application.sources import sources_named
from quisait.application.startup import errors_as_sentences, opened_state, read_settings
from quisait.settings import Settings
from quisait.settings.types import seconds_of
from quisait_push.sources import open_inbox
from quisait_push.tokens import PushTokens

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


@contextmanager
def opened_push_tokens(settings: Settings, opening: Opening) -> Iterator[PushTokens]:
    """Open the push tokens during the block, without the application's index and encoder."""
    with opened_database(settings, opening) as database:
        yield PushTokens(database)
