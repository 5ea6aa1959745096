"""The organisation's own list of topics and métiers, from CSV or SKOS. Read `read_topics` first."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from connectors.changes import Malformed
from connectors.errors import SourceRefused, SourceUnreachable
from connectors.tables import Row, TableUnreadable, read_table
from indexer.french import fold, terms
from indexer.state import storable

_COLUMNS = frozenset({"id", "label", "alt_labels", "broader", "kind"})
_LONGEST_ID = 200
"""What the database keeps of an id."""


def by_letters(label: str) -> str:
    """What sorts labels as a French reader looks for them: É beside E."""
    return fold(label.lower())


class TopicKind(StrEnum):
    """What is learnt by doing, or a trade held by an agent."""

    TOPIC = "topic"
    METIER = "métier"


@dataclass(frozen=True, slots=True)
class Topic:
    """A professional subject, or a métier, as the organisation names it.

    `broader` holds ids of topics; the first label is preferred.
    """

    id: str
    label: str
    alt_labels: tuple[str, ...] = ()
    broader: tuple[str, ...] = ()
    kind: TopicKind = TopicKind.TOPIC

    @property
    def labels(self) -> tuple[str, ...]:
        """The preferred label, then the others."""
        return (self.label, *self.alt_labels)


@dataclass(frozen=True, slots=True)
class TopicList:
    """The topics by id, and what of the file could not be taken as it stands."""

    topics: tuple[Topic, ...]
    malformed: tuple[Malformed, ...] = ()

    @property
    def digest(self) -> str:
        """The same for the same topics, in whatever order they were written."""
        rows = sorted(json.dumps(astuple(topic), ensure_ascii=False) for topic in self.topics)
        return hashlib.sha256("\n".join(rows).encode()).hexdigest()


_KINDS = {
    "": TopicKind.TOPIC,
    "topic": TopicKind.TOPIC,
    "métier": TopicKind.METIER,
    "metier": TopicKind.METIER,
}

Entry = tuple[str, Topic | Malformed]
"""Where it stands in the file, and what stands there."""


def read_topics(path: Path) -> TopicList:
    """Read a list: `.csv`, or SKOS as `.ttl` (Turtle), `.rdf` or `.xml` (RDF/XML).

    Nothing is guessed: a row that is not sound is left out and shown, and so is a link
    to nothing or in a circle, and a label that two topics claim. Raises
    `SourceUnreachable` or `SourceRefused`.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SourceUnreachable(f"{path.name} : la liste des sujets est illisible.") from error
    if path.suffix == ".csv":
        return checked(_from_table(path.name, content))
    # Imported here: a list in CSV has no use for rdflib, which takes half a second.
    from expertise.topics_skos import FORMATS, topics_of_skos

    if path.suffix not in FORMATS:
        raise SourceRefused(f"{path.name} : la liste des sujets doit être .csv, .ttl, .rdf ou .xml")
    return checked(topics_of_skos(path.name, content, FORMATS[path.suffix]))


def checked(entries: Iterable[Entry]) -> TopicList:
    """Keep the topics that are sound together, by id; tell what was left out."""
    kept: dict[str, tuple[str, Topic]] = {}
    faults: list[Malformed] = []
    seen: dict[tuple[str, str], str] = {}
    for where, entry in entries:
        reason = entry.reason if isinstance(entry, Malformed) else _unsound(entry, kept, seen)
        if isinstance(entry, Malformed) or reason:
            faults.append(Malformed(where, reason))
        else:
            kept[entry.id] = where, entry
            seen[entry.kind, label_key(entry.label)] = entry.id
    topics = {id_: _linked(where, topic, kept, faults) for id_, (where, topic) in kept.items()}
    topics = _without_circles(topics, {id_: where for id_, (where, _) in kept.items()}, faults)
    topics = _each_label_once(topics, {id_: where for id_, (where, _) in kept.items()}, faults)
    return TopicList(tuple(topics[id_] for id_ in sorted(topics)), tuple(faults))


@lru_cache(maxsize=100_000)
def label_key(label: str) -> str:
    """A label as it is compared: its analysed terms."""
    return " ".join(terms(label))


def broader_closure(topics: Sequence[Topic]) -> Mapping[str, tuple[str, ...]]:
    """Every topic above each topic, sorted; the list holds no circle."""
    broader = {topic.id: topic.broader for topic in topics}
    above: dict[str, tuple[str, ...]] = {}
    for topic in topics:
        found: set[str] = set()
        waiting = list(topic.broader)
        # Without recursion: a list may be a thousand levels deep.
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting.extend(broader[one])
        above[topic.id] = tuple(sorted(found))
    return above


def _from_table(name: str, content: bytes) -> Iterator[Entry]:
    try:
        rows = read_table(content, _COLUMNS, required="label")
    except TableUnreadable as error:
        raise SourceRefused(f"{name} : {error}") from error
    for row in rows:
        where = f"{name}:{row.number}"
        yield where, Malformed(where, row.problem) if row.problem else _topic_of_row(where, row)


def _topic_of_row(where: str, row: Row) -> Topic | Malformed:
    kind = _KINDS.get(row.cells.get("kind", "").lower())
    if kind is None:
        return Malformed(where, "« kind » doit valoir topic ou métier")
    return Topic(
        row.cells.get("id", ""),
        row.cells.get("label", ""),
        _parts(row.cells.get("alt_labels", "")),
        _parts(row.cells.get("broader", "")),
        kind,
    )


def _parts(cell: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in cell.split("|") if part.strip()))


def _unsound(topic: Topic, kept: Mapping[str, object], seen: Mapping[tuple[str, str], str]) -> str:
    """Say why a topic cannot be taken, or nothing."""
    if not topic.id or len(topic.id) > _LONGEST_ID:
        return f"l'identifiant manque ou dépasse {_LONGEST_ID} caractères"
    if any(storable(text) != text for text in (topic.id, topic.label)):
        return "l'identifiant ou le libellé a des caractères que la base ne garde pas"
    if not label_key(topic.label):
        return "le libellé manque, ou n'a que des mots vides"
    if topic.id in kept:
        return f"l'identifiant « {topic.id} » est déjà pris"
    if other := seen.get((topic.kind, label_key(topic.label))):
        return f"le libellé « {topic.label} » est déjà celui de « {other} »"
    return ""


def _linked(where: str, topic: Topic, kept: Mapping[str, object], faults: list[Malformed]) -> Topic:
    for one in topic.broader:
        if one not in kept:
            faults.append(Malformed(where, f"terme générique inconnu : « {one} », lien ignoré"))
    return replace(topic, broader=tuple(one for one in topic.broader if one in kept))


def _without_circles(
    topics: dict[str, Topic], places: Mapping[str, str], faults: list[Malformed]
) -> dict[str, Topic]:
    """Cut every link of a circle; which one was wrong is not guessed."""
    # Imported here: it takes a second, and few lists are read.
    import networkx as nx

    links = nx.DiGraph([(topic.id, up) for topic in topics.values() for up in topic.broader])
    circles = [set(one) for one in nx.strongly_connected_components(links)]
    cut = {id_: one for one in circles if len(one) > 1 or links.has_edge(*one, *one) for id_ in one}
    sound = dict(topics)
    for id_ in sorted(cut):
        kept = tuple(up for up in topics[id_].broader if up not in cut[id_])
        sound[id_] = replace(topics[id_], broader=kept)
        faults.append(Malformed(places[id_], "termes génériques en cercle, liens ignorés"))
    return sound


def _each_label_once(
    topics: dict[str, Topic], places: Mapping[str, str], faults: list[Malformed]
) -> dict[str, Topic]:
    """An alternative label that is another's label, or two topics', is nobody's."""
    claims = Counter(
        (topic.kind, key)
        for topic in topics.values()
        for key in {label_key(label) for label in topic.labels}
    )
    sound = {}
    for id_, topic in topics.items():
        own: list[str] = []
        said = {label_key(topic.label)}
        for label in topic.alt_labels:
            key = label_key(label)
            if key in said:
                continue  # the same words once more
            said.add(key)
            if not key or claims[topic.kind, key] > 1 or storable(label) != label:
                reason = f"variante vide ou disputée : « {label} », ignorée"
                faults.append(Malformed(places[id_], reason))
            else:
                own.append(label)
        sound[id_] = replace(topic, alt_labels=tuple(own))
    return sound
