"""`quisait push token …`: the tokens with which applications push to a source."""

import sys
from datetime import timedelta
from typing import Annotated

import typer

from indexer.errors import IndexRefused
from quisait.assembly import opened_push_tokens
from quisait.commands.named_sources import sources_named
from quisait.faults import in_sentences, read_settings
from quisait.settings import Settings
from quisait.settings.durations import seconds_of

push_app = typer.Typer(help="Sources que des applications alimentent.", no_args_is_help=True)
token_app = typer.Typer(help="Jetons de ces applications.", no_args_is_help=True)
push_app.add_typer(token_app, name="token")

Source = Annotated[str, typer.Argument(metavar="SOURCE", help="Une source de genre « push »")]

Token = Annotated[
    str, typer.Argument(metavar="JETON", help="Son nom court (« quisait push token list »)")
]


@token_app.command("add")
def add(
    source: Source,
    label: Annotated[
        str, typer.Option(help="Pour la reconnaître : l'application qui le tient")
    ] = "",
) -> None:
    """Fait un jeton pour une source et l'affiche, cette seule fois."""
    with in_sentences():
        settings = read_settings()
        _must_push(settings, source)
        with opened_push_tokens(settings) as tokens:
            print(tokens.add(source, label[:200]))
    print(
        "Donnez ce jeton à l'application : il ne sera plus montré, seule son empreinte est gardée.",
        file=sys.stderr,
    )


@token_app.command("list")
def listed(source: Source) -> None:
    """Les jetons d'une source : leur nom court, leur date, leur application."""
    with in_sentences(), opened_push_tokens(read_settings()) as tokens:
        rows = tokens.of(source)
    if not rows:
        print(f"{source} : aucun jeton.")
    for row in rows:
        ends = f"jusqu'au {row.ends.astimezone():%d/%m/%Y %H:%M}" if row.ends else ""
        used = f"servi le {row.used:%d/%m/%Y}" if row.used else "jamais servi"
        said = (row.id, f"{row.created:%d/%m/%Y}", used, ends, row.label)
        print("  ".join(filter(None, said)))


@token_app.command("rotate")
def rotate(
    source: Source,
    token: Token,
    overlap: Annotated[
        str, typer.Option(metavar="DURÉE", help="Temps pendant lequel l'ancien ouvre encore")
    ] = "7 j",
) -> None:
    """Fait un jeton à la place d'un autre, qui ouvre encore pendant « --overlap »."""
    with in_sentences(), opened_push_tokens(read_settings()) as tokens:
        new = tokens.rotate(source, token, timedelta(seconds=seconds_of(overlap)))
        if new is None:
            raise _no_such(source, token)
    print(new)
    print(
        f"Donnez ce jeton à l'application : il ne sera plus montré. Le jeton {token} ouvre encore "
        f"pendant {overlap} ; « quisait push token list {source} » dit s'il sert.",
        file=sys.stderr,
    )


@token_app.command("revoke")
def revoke(
    source: Source,
    token: Token,
) -> None:
    """Retire un jeton : dès maintenant, il n'ouvre plus rien."""
    with in_sentences(), opened_push_tokens(read_settings()) as tokens:
        if not tokens.revoke(source, token):
            raise _no_such(source, token)
    print(f"Jeton {token} retiré.")


def _no_such(source: str, token: str) -> ValueError:
    # Whoever gave the whole token instead of its name does not want to read it in a journal.
    return ValueError(
        f"{source} n'a pas de jeton {token[:8]} : voyez « quisait push token list {source} »."
    )


def _must_push(settings: Settings, source: str) -> None:
    (named,) = sources_named(settings, [source])
    if named.kind != "push":
        raise IndexRefused(
            f"{source} est de genre « {named.kind} » : seule une source « push » reçoit."
        )
