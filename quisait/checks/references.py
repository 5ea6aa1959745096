"""Check what the settings refer to: glossary, topics, principals of the directory."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from connectors.installed import load_kind
from connectors.options import names_readers
from connectors.ports import SourceRefused
from connectors.values import EVERYONE, Agent, Group, normalize_principal
from expertise.topics import read_topics
from quisait.application.engines import check_glossary
from quisait.application.sources import open_directory
from quisait.checks.attempt import MOST_LISTED, Check, attempt
from quisait.settings import Settings, beside_file
from quisait.settings.sources import SourceSettings


def reference_checks(settings: Settings) -> Iterator[Check]:
    """Check glossary and list of topics, if the settings name them."""
    if settings.search.glossary:
        yield attempt("glossaire", partial(check_glossary, settings.search.glossary))
    if settings.topics.file:
        yield attempt("sujets", partial(check_topics, settings.topics.file))


def check_topics(path: str) -> str:
    """Return how many topics a list contains, and its first faulty rows.

    Raises `SourceError` if the list cannot be read, `ValueError` if it has no topic.
    """
    listed = read_topics(beside_file(path))
    left = [f"{item.where} : {item.reason}" for item in listed.malformed]
    counts = f"{len(listed.topics)} sujets" + (
        f" ; laissés de côté : {_first_few(left)}" if left else ""
    )
    if not listed.topics:
        raise ValueError(f"{Path(path).name} : {counts}")
    return counts


def check_principals(settings: Settings) -> str:
    """Return how many principals and agents the settings name.

    Raises `ValueError` if the directory has nobody for a principal.
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
            f"personne dans l'annuaire ne tient {_first_few(missing)} : corrigez ce nom, qui "
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
        for option, principal in _option_readers(source):
            yield f"source {source.name}, {option}", principal
    yield from (("[topics] universal", principal) for principal in settings.topics.universal)
    for role in settings.roles:
        yield from ((f"rôle {role.role}, groups", group) for group in role.groups)
        yield from ((f"rôle {role.role}, agents", f"agent:{agent}") for agent in role.agents)


def _option_readers(source: SourceSettings) -> Iterator[tuple[str, str]]:
    """Yield (option, principal) of the readers that the options of an installed kind name."""
    try:
        fields = load_kind(source.kind).options.model_fields if source.options else {}
    except SourceRefused:  # the source's own check reports it
        return
    for option, value in source.options.items():
        if option in fields and names_readers(fields[option]):
            for place, written in _texts_in(option, value):
                if ":" in written:  # else a name of the source's own, such as a Windows SID
                    yield place, normalize_principal(written.strip())


def _texts_in(place: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield (place, text) of each text in a value of the settings, a list or a table."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts_in(f"{place} {name}", inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from _texts_in(place, inner)


def _first_few(items: Sequence[str]) -> str:
    """Return the first items and the number of the others."""
    rest = len(items) - MOST_LISTED
    return " ; ".join(items[:MOST_LISTED]) + (f" ; et {rest} autres" if rest > 0 else "")
