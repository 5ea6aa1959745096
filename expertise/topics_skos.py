"""A list of topics in SKOS (W3C, "SKOS Reference", 2009), French labels first."""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from xml.sax import SAXException

from connectors.changes import Malformed
from connectors.errors import SourceRefused
from expertise.topics import Entry, Topic, TopicKind

if TYPE_CHECKING:
    from rdflib import Graph
    from rdflib.term import Node

FORMATS = {".ttl": "turtle", ".rdf": "xml", ".xml": "xml"}

_PARSER_FAULTS = (LookupError, TypeError, AttributeError, AssertionError, RecursionError)
"""What rdflib's parsers raise where a file ends in the middle of something."""
_METIER = frozenset({"métier", "metier"})


def topics_of_skos(name: str, content: bytes, form: str) -> Iterator[Entry]:
    """Every concept, by address. One whose `dcterms:type` is «métier» is a métier.

    `broader` and `narrower` are read both ways. Raises `SourceRefused` where the file
    is not what its extension says.
    """
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
        yield f"{name}:{concept}", _topic(graph, concept, name)


def _topic(graph: "Graph", concept: "Node", name: str) -> Topic | Malformed:
    from rdflib.namespace import DCTERMS, SKOS

    preferred = _labels(graph, concept, SKOS.prefLabel)
    if not preferred:
        return Malformed(f"{name}:{concept}", "skos:prefLabel manque")
    broader = {*graph.objects(concept, SKOS.broader), *graph.subjects(SKOS.narrower, concept)}
    types = {str(one).strip().lower() for one in graph.objects(concept, DCTERMS.type)}
    return Topic(
        str(concept),
        preferred[0],
        tuple(_labels(graph, concept, SKOS.altLabel)),
        tuple(sorted(map(str, broader))),
        TopicKind.METIER if types & _METIER else TopicKind.TOPIC,
    )


def _labels(graph: "Graph", concept: "Node", predicate: "Node") -> list[str]:
    """The French labels; failing these, those without a language; failing these, all."""
    found: dict[str, list[str]] = {}
    for label in graph.objects(concept, predicate):
        language = (getattr(label, "language", None) or "").split("-")[0].lower()
        found.setdefault(language, []).append(str(label).strip())
    chosen = found.get("fr") or found.get("") or [one for some in found.values() for one in some]
    return sorted(set(filter(None, chosen)))
