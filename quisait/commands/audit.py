"""`quisait audit`: who read what by a role, for the data-protection officer."""

import json
import os
import pwd
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated

import typer

from indexer.access import Reader
from quisait.assembly import House, opened_database
from quisait.commands.answers import command_line_reader
from quisait.faults import in_sentences, read_settings
from quisait.privacy.kept import Privacy, open_privacy
from search_api.audit.port import AuditUnwritable, Entry, Reading, Soundness


@contextmanager
def opened_privacy() -> Iterator[Privacy]:
    """Without the rest of a house: neither index nor encoder is asked for."""
    with in_sentences():
        settings = read_settings()
        with opened_database(settings) as database:
            yield open_privacy(settings, database)


def by_command(
    privacy: Privacy, command: str, subject: str = "", *, actor: str = "", role: str = ""
) -> None:
    """Write down that a command reads, before it shows anything.

    `actor`: who reads, the system's account where it is nobody else. Raises `ValueError` where
    it cannot be written.
    """
    try:
        privacy.audit.write(Reading(actor or f"system:{_account()}", role, command, subject))
    except AuditUnwritable as error:
        raise ValueError("Cette lecture doit être consignée, et n'a pas pu l'être.") from error


def audited_reader(house: House, agent: str, command: str, shown: str = "") -> Reader:
    """The agent with whose rights a command reads, once it is written down that it does.

    `shown`: the id of the agent who is looked at, where it is one; that is written down too.
    Raises `ValueError` for nobody, or where it cannot be written.
    """
    reader = command_line_reader(house, agent)
    by_command(house.privacy, command, f"as:{reader.agent_id}")
    if shown and shown != reader.agent_id:
        by_command(house.privacy, command, f"agent:{shown}")
    return reader


def _account() -> str:
    """Of the process itself: what the environment says of it anybody may write."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's account may have no name
        return str(os.getuid())


def audit(
    limit: Annotated[int, typer.Option(min=1, help="Tant d'entrées, les plus récentes")] = 50,
    head: Annotated[
        str,
        typer.Option(help="Vérifier qu'une entrée notée NUMÉRO:EMPREINTE est toujours là"),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Résultat en JSON")] = False,
) -> None:
    """Qui a consulté quoi au titre d'un rôle, et si le registre est intact."""
    with opened_privacy() as privacy:
        by_command(privacy, "quisait audit")
        entries, sound = privacy.audit.newest(limit), privacy.audit.soundness()
        missing = bool(head) and not privacy.audit.holds(*_noted(head))
    if as_json:
        shown = [asdict(one) | {"moment": one.moment.isoformat()} for one in entries]
        body = asdict(sound) | {"head_missing": missing, "readings": shown}
        print(json.dumps(body, ensure_ascii=False, indent=2))
    else:
        for one in reversed(entries):
            print(_line(one))
        print(_told(sound))
        if missing:
            print(
                f"L'entrée notée {head} n'y est plus : le registre a été amputé.", file=sys.stderr
            )
    raise typer.Exit(1 if sound.broken or missing else 0)


def _noted(head: str) -> tuple[int, str]:
    number, _, digest = head.partition(":")
    if not number.isdecimal() or not digest:
        raise ValueError("Donnez l'entrée notée comme NUMÉRO:EMPREINTE.")
    return int(number), digest


def _line(one: Entry) -> str:
    role = f" ({one.role})" if one.role else ""
    subject = f" : {one.subject}" if one.subject else ""
    moment = f"{one.moment:%Y-%m-%d %H:%M:%S}"
    refused = "refusé : " if one.refused else ""
    return f"{one.number:>6}  {moment}  {one.actor}{role}  {refused}{one.asked}{subject}"


def _told(sound: Soundness) -> str:
    if sound.broken:
        return (
            f"Registre altéré : l'entrée {sound.broken} n'est pas telle qu'elle a été écrite, ou "
            "il manque quelque chose juste avant elle."
        )
    return (
        f"Registre intact : {sound.entries} entrées. À garder ailleurs, pour vérifier plus tard "
        f"(--head) : {sound.last}:{sound.head}"
    )
