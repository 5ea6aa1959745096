"""Check what the settings refer to: topics, documents of best bets, principals of the directory."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from connectors.values import EVERYONE, Agent, Group
from expertise.topics import read_topics
from indexer.ports import Index
from quisait.application.sources import open_directory
from quisait.settings import Settings, beside_file
from search_api.query.glossary import lines_of
from search_api.ranking.search_configuration import read_best_bets

MOST_LISTED = 3
"""Most items that are named one by one."""


def check_topics(path: str) -> str:
    """Return how many topics a list contains, and its first faulty rows.

    Raises `SourceError` if the list cannot be read, `ValueError` if it has no topic.
    """
    listed = read_topics(beside_file(path))
    left = [f"{item.where} : {item.reason}" for item in listed.malformed]
    counts = f"{len(listed.topics)} sujets" + (
        f" ; laissés de côté : {first_few(left)}" if left else ""
    )
    if not listed.topics:
        raise ValueError(f"{Path(path).name} : {counts}")
    return counts


def missing_best_bets(settings: Settings, index: Index) -> str:
    """Return which documents of best bets are not indexed, in French; empty if all are.

    Documents of a configured source that has not been indexed yet are not reported. Raises
    `OSError`, and the errors of the index.
    """
    if not settings.search.best_bets:
        return ""
    bets = read_best_bets(lines_of(beside_file(settings.search.best_bets))).content
    wanted = {bet.document_id for bet in bets if bet.document_id}
    read = index.sources()
    named = {source.name for source in settings.sources}
    there = index.kept(sorted(wanted))
    absent = [
        principal
        for principal in sorted(wanted - there.keys())
        if (source := principal.partition(":")[0]) in read or source not in named
    ]
    if not absent:
        return ""
    return (
        f"aucun document de ce nom, que personne ne verra en tête : {first_few(absent)}. Corrigez "
        f"{settings.search.best_bets}, ou relisez la source (« quisait crawl »)"
    )


def check_principals(settings: Settings) -> str:
    """Return how many principals and agents the settings name.

    Raises `ValueError` if the directory has nobody for one of them.
    """
    directory = open_directory(settings)
    if directory is None:
        raise ValueError("pas d'annuaire : personne ne tient les groupes que nomment les réglages")
    agents: set[str] = set()
    held: set[str] = set()
    for entry in directory.entries():
        if isinstance(entry, Agent):
            agents.add(entry.id)
        elif isinstance(entry, Group) and entry.members:
            held.add(entry.principal)
    # A source's own accounts and groups are known only when a reader arrives.
    others = {source.name for source in settings.sources}
    named = sorted(set(_named_principals(settings)))
    missing = [
        f"« {principal} » ({place})"
        for place, principal in named
        if principal != EVERYONE
        and principal not in held
        and principal.removeprefix("agent:") not in agents
        and principal.partition(":")[0] not in others
    ]
    if missing:
        raise ValueError(
            f"personne dans l'annuaire ne tient {first_few(missing)} : corrigez ce nom, qui "
            "n'ouvre rien à personne"
        )
    return f"{len(named)} nommés par les réglages"


def names_principals(settings: Settings) -> bool:
    """Return whether the settings name principals to look for in the directory."""
    return any(principal != EVERYONE for _, principal in _named_principals(settings))


def _named_principals(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield (setting, principal)."""
    for source in settings.sources:
        yield from ((f"source {source.name}, allowed", principal) for principal in source.allowed)
        for space, readers in source.namespaces.items():
            yield from ((f"source {source.name}, namespaces {space}", reader) for reader in readers)
    yield from (("[topics] universal", principal) for principal in settings.topics.universal)
    for role in settings.roles:
        yield from ((f"rôle {role.role}, groups", group) for group in role.groups)
        yield from ((f"rôle {role.role}, agents", f"agent:{agent}") for agent in role.agents)


def first_few(items: Sequence[str]) -> str:
    """Return the first items and the number of the others."""
    rest = len(items) - MOST_LISTED
    return " ; ".join(items[:MOST_LISTED]) + (f" ; et {rest} autres" if rest > 0 else "")
