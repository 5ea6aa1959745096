"""Who animates topics, on the command line."""

from indexer.access import Reader
from quisait.assembly import House
from quisait.commands import answers
from quisait.commands.audit import by_command
from search_api.identity.grants import Held, Role


def animator(house: House, agent: str, reading: str, subject: str = "") -> tuple[Reader, Held]:
    """Who animates, written down as on the pages. Raises `ValueError` for who does not."""
    reader = answers.command_line_reader(house, agent)
    held = house.privacy.grants.held_by(reader)
    if Role.ANIMATOR not in held.roles:
        raise ValueError(f"{agent} n'a pas le rôle « animator » : voyez [[roles]].")
    told = f"quisait topics {reading}"
    by_command(house.privacy, told, subject, actor=agent, role=Role.ANIMATOR)
    return reader, held
