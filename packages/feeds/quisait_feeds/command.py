"""`quisait feeds revoke`: the tokens of feeds of an agent, or of everybody."""

from typing import Annotated

import typer

from quisait.application.opening import Opening
from quisait.application.progress import plural_count
from quisait.application.startup import opened_state
from quisait.clock import now_s
from quisait_feeds.settings import FeedSettings
from quisait_feeds.storage import SqlFeedTokens

feeds_app = typer.Typer(help="Adresses secrètes des flux Atom d'agents.", no_args_is_help=True)


@feeds_app.callback()
def group() -> None:
    """Adresses secrètes des flux Atom d'agents."""


@feeds_app.command()
def revoke(
    agent: Annotated[str, typer.Argument(help="Identifiant de l'agent")] = "",
    everybody: Annotated[
        bool, typer.Option("--all", help="De tout le monde : chacun en fera une autre")
    ] = False,
) -> None:
    """Retire l'adresse secrète des flux d'un agent, ou de tous : dès la demande suivante."""
    with opened_state(Opening.WRITE) as (settings, database):
        if bool(agent) == everybody:
            raise ValueError("Donnez un agent, ou --all pour tout le monde.")
        tokens = SqlFeedTokens(database, settings.table(FeedSettings).days, now_s)
        count = tokens.revoke_all() if everybody else int(tokens.revoke(agent))
    print(f"{plural_count(count, 'adresse secrète retirée')}.")
