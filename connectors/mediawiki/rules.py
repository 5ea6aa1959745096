"""Who reads which namespace of a wiki: only what the settings say.

A wiki knows accounts of its own, not the organisation's readers: the settings name the
readers of each namespace. What they do not name is not read at all.
"""

from collections.abc import Iterator, Mapping

from connectors.errors import SourceRefused
from connectors.mediawiki.answers import Site
from connectors.mediawiki.place import WikiPlace
from connectors.values import Access

MAIN = 0
FILES = 6
MAIN_NAMES = {"", "principal", "main"}

Rules = Mapping[int, Access]
"""The namespaces that are read, and who may read what stands in each."""


def rules_of(place: WikiPlace, site: Site) -> dict[int, Access]:
    """The rules, by number: `allowed` for the main namespace unless `namespaces` names it.

    Names are the wiki's own, the English ones, aliases or numbers. Raises `SourceRefused`
    for a name that the wiki does not know, or one namespace named twice.
    """
    known = dict(_names(site))
    rules: dict[int, Access] = {}
    for name, principals in place.namespaces.items():
        number = known.get(_plain(name))
        if number is None or number < MAIN:
            raise SourceRefused(
                f"« namespaces » : le wiki n'a pas d'espace de noms « {name} ». Il a : "
                f"{', '.join(_shown(site))}."
            )
        if number in rules:
            raise SourceRefused(f"« namespaces » nomme deux fois l'espace {number} (« {name} »).")
        rules[number] = Access(frozenset(principals))
    rules.setdefault(MAIN, Access(place.allowed))
    return dict(sorted(rules.items()))


def _names(site: Site) -> Iterator[tuple[str, int]]:
    for name in MAIN_NAMES:
        yield name, MAIN
    for alias in site.namespacealiases:
        yield _plain(alias.alias), alias.id
    for namespace in site.namespaces.values():
        yield _plain(namespace.canonical or namespace.name), namespace.id
        yield _plain(namespace.name), namespace.id
        yield str(namespace.id), namespace.id


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").split()).casefold()


def _shown(site: Site) -> list[str]:
    spaces = sorted(site.namespaces.values(), key=lambda namespace: namespace.id)
    return [f"{n.name or 'principal'} ({n.id})" for n in spaces if n.id >= MAIN]
