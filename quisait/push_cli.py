"""`quisait push token …`: the tokens with which applications push to a source."""

import sys
from typing import Annotated

import typer

from indexer.errors import IndexRefused
from quisait.assembly import opened_push_tokens
from quisait.faults import in_sentences, read_settings
from quisait.named_sources import sources_named
from quisait.settings import Settings

push_app = typer.Typer(help="Sources que des applications alimentent.", no_args_is_help=True)
token_app = typer.Typer(help="Jetons de ces applications.", no_args_is_help=True)
push_app.add_typer(token_app, name="token")

Source = Annotated[str, typer.Argument(metavar="SOURCE", help="Une source de genre « push »")]


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
        print(f"{row.id}  {row.created:%d/%m/%Y}  {row.label}".rstrip())


@token_app.command("revoke")
def revoke(
    source: Source,
    token: Annotated[
        str, typer.Argument(metavar="JETON", help="Son nom court (« quisait push token list »)")
    ],
) -> None:
    """Retire un jeton : dès maintenant, il n'ouvre plus rien."""
    with in_sentences(), opened_push_tokens(read_settings()) as tokens:
        if not tokens.revoke(source, token):
            raise ValueError(
                f"{source} n'a pas de jeton {token} : voyez « quisait push token list {source} »."
            )
    print(f"Jeton {token} retiré.")


def _must_push(settings: Settings, source: str) -> None:
    (named,) = sources_named(settings, [source])
    if named.kind != "push":
        raise IndexRefused(
            f"{source} est de genre « {named.kind} » : seule une source « push » reçoit."
        )
