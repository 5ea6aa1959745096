"""`quisait privacy`: the register of processing, what is purged, what a restored backup is told."""

import json
import sys
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from quisait.commands.answers import today
from quisait.faults import in_sentences, opened_house, read_settings
from quisait.journaling import journal_key
from quisait.privacy.kept import not_noted
from quisait.privacy.purging import expunged, forgotten
from quisait.privacy.replaying import replay
from quisait.privacy.report import report_text

privacy_app = typer.Typer(help="Données personnelles.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Résultat en JSON, pour un programme")]


@privacy_app.command()
def report() -> None:
    """Le registre du traitement, d'après la configuration, pour l'analyse d'impact (Markdown)."""
    with in_sentences():
        print(report_text(read_settings()))


@privacy_app.command("replay")
def replay_command(
    since: Annotated[
        str,
        typer.Option(help="Date de la sauvegarde restaurée (2026-11-25) ; sinon, tout le registre"),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Après une restauration : redit les retraits, suppressions et droits restreints depuis."""
    after = _moment(since)
    with opened_house() as house:
        lines = [one for one in house.privacy.register.lines() if one["at"] >= after]
        key = journal_key(house.settings)
        done = replay(lines, house.database, house.privacy.consent, house.whole_index, key)
    if as_json:
        print(json.dumps(asdict(done), ensure_ascii=False, indent=2))
        return
    print(
        f"{done.lines} lignes rejouées : {done.wishes} demandes d'agents, {done.documents} "
        f"documents retirés, {done.purged} agents effacés."
    )
    if done.sources:
        names = " ".join(done.sources)
        print(f"Relisez maintenant : quisait crawl --full {names}")


def _moment(written: str) -> str:
    """As the register writes moments. Raises `typer.BadParameter`."""
    if not written:
        return ""
    try:
        return datetime.fromisoformat(written).isoformat()
    except ValueError:
        raise typer.BadParameter("donnez une date comme 2026-11-25") from None


@privacy_app.command()
def purge(as_json: AsJson = False) -> None:
    """Efface ce qui est gardé d'agents partis, les traces trop vieilles, les textes supprimés.

    Des textes supprimés, l'index garde les mots dans ses fichiers jusque-là : il les récrit.
    """
    with opened_house() as house:
        gone = forgotten(house.privacy, house.database, house.whole_index, house.settings, today())
        expunged(house.whole_index)
        left = not_noted(house.privacy.register)
    if as_json:
        print(json.dumps(asdict(gone), ensure_ascii=False, indent=2))
    else:
        print(
            f"Effacés : {len(gone.agents)} agents partis, {gone.entries} consultations, "
            f"{gone.lines} lignes du registre. L'index ne garde aucun mot de ce qui a été supprimé."
        )
    if left:
        print(left, file=sys.stderr)
        raise typer.Exit(1)
