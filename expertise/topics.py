"""The organisation's own list of topics and métiers, from CSV or SKOS. Read `read_topics` first."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, replace
from enum import StrEnum
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax import SAXException

from connectors.ports import Malformed, SourceRefused, SourceUnreachable
from connectors.tables import TableRow, TableUnreadable, read_table
from indexer.french.analysis import fold, terms
from indexer.state import storable

if TYPE_CHECKING:
    from rdflib import Graph
    from rdflib.term import Node

_COLUMNS = frozenset({"id", "label", "alt_labels", "broader", "kind", "definition", "theme"})
_LONGEST_ID = 200
"""Number of characters of the longest id that the database stores."""


def label_order(label: str) -> str:
    """Return the key that sorts labels alphabetically in French: É with E."""
    return fold(label.lower())


class TopicKind(StrEnum):
    """A professional subject, or a métier."""

    TOPIC = "topic"
    METIER = "métier"


@dataclass(frozen=True, slots=True)
class Topic:
    """A professional subject, or a métier, as the organisation names it.

    `broader` contains ids of topics; `label` is the preferred label. `definition` and `theme`, the
    name of a group of topics, may be empty.
    """

    id: str
    label: str
    alt_labels: tuple[str, ...] = ()
    broader: tuple[str, ...] = ()
    kind: TopicKind = TopicKind.TOPIC
    definition: str = ""
    theme: str = ""

    @property
    def labels(self) -> tuple[str, ...]:
        """The preferred label, then the others."""
        return (self.label, *self.alt_labels)


@dataclass(frozen=True, slots=True)
class TopicList:
    """The topics by id, and the rows or links of the file that are invalid."""

    topics: tuple[Topic, ...]
    malformed: tuple[Malformed, ...] = ()

    @property
    def digest(self) -> str:
        """A digest of the topics, independent of their order in the file."""
        rows = sorted(json.dumps(astuple(topic), ensure_ascii=False) for topic in self.topics)
        return hashlib.sha256("\n".join(rows).encode()).hexdigest()


_KINDS = {
    "": TopicKind.TOPIC,
    "topic": TopicKind.TOPIC,
    "métier": TopicKind.METIER,
    "metier": TopicKind.METIER,
}

TopicEntry = tuple[str, Topic | Malformed]
"""The place in the file, and the topic found there."""


def read_topics(path: Path) -> TopicList:
    """Read a list: `.csv`, or SKOS as `.ttl` (Turtle), `.rdf` or `.xml` (RDF/XML).

    Nothing is guessed: invalid rows, links to unknown topics or in a cycle, and labels of two
    topics are left out and reported. Raises `SourceUnreachable` or `SourceRefused`.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SourceUnreachable(f"{path.name} : la liste des sujets est illisible.") from error
    if path.suffix == ".csv":
        return topics_of_table(path.name, content)
    if path.suffix not in FORMATS:
        raise SourceRefused(f"{path.name} : la liste des sujets doit être .csv, .ttl, .rdf ou .xml")
    return check_topics(topics_of_skos(path.name, content, FORMATS[path.suffix]))


def topics_of_table(name: str, content: bytes) -> TopicList:
    """Return the topics of a table in CSV, like `read_topics`. Raises `SourceRefused`."""
    return check_topics(_from_table(name, content))


def check_topics(entries: Iterable[TopicEntry]) -> TopicList:
    """Return the topics that are valid together, by id, and report what was left out."""
    accepted: dict[str, tuple[str, Topic]] = {}
    faults: list[Malformed] = []
    seen: dict[tuple[str, str], str] = {}
    for where, entry in entries:
        reason = (
            entry.reason
            if isinstance(entry, Malformed)
            else _reason_to_reject(entry, accepted, seen)
        )
        if isinstance(entry, Malformed) or reason:
            faults.append(Malformed(where, reason))
        else:
            accepted[entry.id] = where, entry
            seen[entry.kind, label_key(entry.label)] = entry.id
    topics = {
        id_: _with_known_links(where, topic, accepted, faults)
        for id_, (where, topic) in accepted.items()
    }
    topics = _without_cycles(topics, {id_: where for id_, (where, _) in accepted.items()}, faults)
    topics = _each_label_once(topics, {id_: where for id_, (where, _) in accepted.items()}, faults)
    return TopicList(tuple(topics[id_] for id_ in sorted(topics)), tuple(faults))


@lru_cache(maxsize=100_000)
def label_key(label: str) -> str:
    """Return the form in which labels are compared: their analysed terms."""
    return " ".join(terms(label))


def broader_closure(topics: Sequence[Topic]) -> Mapping[str, tuple[str, ...]]:
    """Return all broader topics of each topic, sorted; the list must have no cycle."""
    broader = {topic.id: topic.broader for topic in topics}
    above: dict[str, tuple[str, ...]] = {}
    for topic in topics:
        ancestors: set[str] = set()
        waiting = list(topic.broader)
        # Without recursion: a list may be a thousand levels deep.
        while waiting:
            ancestor = waiting.pop()
            if ancestor not in ancestors:
                ancestors.add(ancestor)
                waiting.extend(broader[ancestor])
        above[topic.id] = tuple(sorted(ancestors))
    return above


def _from_table(name: str, content: bytes) -> Iterator[TopicEntry]:
    try:
        rows = read_table(content, _COLUMNS, required="label")
    except TableUnreadable as error:
        raise SourceRefused(f"{name} : {error}") from error
    for row in rows:
        where = f"{name}:{row.number}"
        yield where, Malformed(where, row.problem) if row.problem else _topic_of_row(where, row)


def _topic_of_row(where: str, row: TableRow) -> Topic | Malformed:
    kind = _KINDS.get(row.cells.get("kind", "").lower())
    if kind is None:
        return Malformed(where, "« kind » doit valoir topic ou métier")
    return Topic(
        row.cells.get("id", ""),
        row.cells.get("label", ""),
        _parts(row.cells.get("alt_labels", "")),
        _parts(row.cells.get("broader", "")),
        kind,
        *(_one_line(row.cells.get(name, "")) for name in ("definition", "theme")),
    )


def _one_line(text: str) -> str:
    return storable(" ".join(text.split()))


def _parts(cell: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in cell.split("|") if part.strip()))


def _reason_to_reject(
    topic: Topic, accepted: Mapping[str, object], seen: Mapping[tuple[str, str], str]
) -> str:
    """Return why a topic is rejected, in French, or an empty text."""
    if not topic.id or len(topic.id) > _LONGEST_ID:
        return f"l'identifiant manque ou dépasse {_LONGEST_ID} caractères"
    if any(storable(text) != text for text in (topic.id, topic.label)):
        return "l'identifiant ou le libellé a des caractères que la base ne garde pas"
    if not label_key(topic.label):
        return "le libellé manque, ou n'a que des mots vides"
    if topic.id in accepted:
        return f"l'identifiant « {topic.id} » est déjà pris"
    if other := seen.get((topic.kind, label_key(topic.label))):
        return f"le libellé « {topic.label} » est déjà celui de « {other} »"
    return ""


def _with_known_links(
    where: str, topic: Topic, accepted: Mapping[str, object], faults: list[Malformed]
) -> Topic:
    for parent in topic.broader:
        if parent not in accepted:
            faults.append(Malformed(where, f"terme générique inconnu : « {parent} », lien ignoré"))
    return replace(topic, broader=tuple(parent for parent in topic.broader if parent in accepted))


def _without_cycles(
    topics: dict[str, Topic], places: Mapping[str, str], faults: list[Malformed]
) -> dict[str, Topic]:
    """Remove every link of a cycle, since it is not known which link is wrong."""
    with suppress(CycleError):
        TopologicalSorter({topic.id: topic.broader for topic in topics.values()}).prepare()
        return topics
    # Imported here: it takes a while, and few lists have a circle.
    import networkx as nx

    links = nx.DiGraph([(topic.id, up) for topic in topics.values() for up in topic.broader])
    circles = [set(circle) for circle in nx.strongly_connected_components(links)]
    cut = {
        id_: circle
        for circle in circles
        if len(circle) > 1 or links.has_edge(*circle, *circle)
        for id_ in circle
    }
    sound = dict(topics)
    for id_ in sorted(cut):
        broader = tuple(up for up in topics[id_].broader if up not in cut[id_])
        sound[id_] = replace(topics[id_], broader=broader)
        faults.append(Malformed(places[id_], "termes génériques en cercle, liens ignorés"))
    return sound


def _each_label_once(
    topics: dict[str, Topic], places: Mapping[str, str], faults: list[Malformed]
) -> dict[str, Topic]:
    """Remove alternative labels that are also a label of another topic."""
    claims = Counter(
        (topic.kind, key)
        for topic in topics.values()
        for key in {label_key(label) for label in topic.labels}
    )
    sound = {}
    for id_, topic in topics.items():
        own: list[str] = []
        keys = {label_key(topic.label)}
        for label in topic.alt_labels:
            key = label_key(label)
            if key in keys:
                continue  # the same words as another of its labels
            keys.add(key)
            if not key or claims[topic.kind, key] > 1 or storable(label) != label:
                reason = f"variante vide ou disputée : « {label} », ignorée"
                faults.append(Malformed(places[id_], reason))
            else:
                own.append(label)
        sound[id_] = replace(topic, alt_labels=tuple(own))
    return sound


FORMATS = {".ttl": "turtle", ".rdf": "xml", ".xml": "xml"}

_PARSER_FAULTS = (LookupError, TypeError, AttributeError, AssertionError, RecursionError)
"""Exceptions that rdflib's parsers raise for truncated files."""
_METIER_TYPES = frozenset({"métier", "metier"})


def topics_of_skos(name: str, content: bytes, form: str) -> Iterator[TopicEntry]:
    """Yield every concept, by address. A concept whose `dcterms:type` is «métier» is a métier.

    `broader` and `narrower` are both read as links; the theme is a `skos:Collection`. Raises
    `SourceRefused` if the file does not have the format of its extension.
    """
    # Imported here: it takes half a second, and a list in CSV does not need it.
    from rdflib import Graph
    from rdflib.namespace import RDF, SKOS
    from rdflib.plugins.parsers.notation3 import BadSyntax

    graph = Graph()
    try:
        graph.parse(data=content, format=form)
    except (BadSyntax, SAXException, ValueError, *_PARSER_FAULTS) as error:
        raise SourceRefused(f"{name} : ce n'est pas du SKOS lisible ({form})") from error
    concepts = sorted(set(graph.subjects(RDF.type, SKOS.Concept)), key=str)
    if not concepts:
        raise SourceRefused(f"{name} : aucun skos:Concept")
    for concept in concepts:
        yield f"{name}:{concept}", _topic_of_concept(graph, concept, name)


def _topic_of_concept(graph: "Graph", concept: "Node", name: str) -> Topic | Malformed:
    from rdflib.namespace import DCTERMS, SKOS

    preferred = _concept_labels(graph, concept, SKOS.prefLabel)
    if not preferred:
        return Malformed(f"{name}:{concept}", "skos:prefLabel manque")
    broader = {*graph.objects(concept, SKOS.broader), *graph.subjects(SKOS.narrower, concept)}
    noted = (
        _concept_labels(graph, concept, relation) for relation in (SKOS.definition, SKOS.scopeNote)
    )
    groups = (_concept_labels(graph, group, SKOS.prefLabel) for group in _groups(graph, concept))
    types = {str(kind).strip().lower() for kind in graph.objects(concept, DCTERMS.type)}
    return Topic(
        str(concept),
        preferred[0],
        tuple(_concept_labels(graph, concept, SKOS.altLabel)),
        tuple(sorted(map(str, broader))),
        TopicKind.METIER if types & _METIER_TYPES else TopicKind.TOPIC,
        *(
            _one_line(next((labels[0] for labels in texts if labels), ""))
            for texts in (noted, groups)
        ),
    )


def _groups(graph: "Graph", concept: "Node") -> list["Node"]:
    """Return the SKOS collections that a concept is a member of, by address."""
    from rdflib.namespace import SKOS

    return sorted(graph.subjects(SKOS.member, concept), key=str)


def _concept_labels(graph: "Graph", concept: "Node", predicate: "Node") -> list[str]:
    """Return the French labels, else those without a language, else all labels."""
    by_language: dict[str, list[str]] = {}
    for label in graph.objects(concept, predicate):
        language = (getattr(label, "language", None) or "").split("-")[0].lower()
        by_language.setdefault(language, []).append(str(label).strip())
    chosen = (
        by_language.get("fr")
        or by_language.get("")
        or [label for labels in by_language.values() for label in labels]
    )
    return sorted(set(filter(None, chosen)))
