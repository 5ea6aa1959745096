"""The organisation's list of topics: CSV and SKOS, and what of it cannot be taken."""

from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.ports import SourceRefused, SourceUnreachable
from expertise.build_tables import TopicRecord, TopicSight, topic_record, topic_row
from expertise.topics import Topic, TopicKind, broader_closure, check_topics, read_topics

pytestmark = pytest.mark.experts

HEADER = "id,label,alt_labels,broader,kind\n"


def listed(folder: Path, text: str, name: str = "sujets.csv") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_a_table(tmp_path: Path) -> None:
    """Topics and métiers, with several labels and links; semicolons do as well."""
    found = read_topics(
        listed(
            tmp_path,
            "id;label;alt_labels;broader;kind\n"
            "cad;Cadastre;arpentage | plan cadastral;;\n"
            "geo;Géomètre;;cad;métier\n",
        )
    )
    assert found.malformed == ()
    assert found.topics == (
        Topic("cad", "Cadastre", ("arpentage", "plan cadastral")),
        Topic("geo", "Géomètre", (), ("cad",), TopicKind.METIER),
    )


def test_a_definition_and_a_theme(tmp_path: Path) -> None:
    """Of a table and of SKOS (a definition before a note, a collection); stored with a build."""
    table = "id;label;theme;definition\ncad;Cadastre;Foncier; Le plan\tdes parcelles. \n"
    (topic,) = read_topics(listed(tmp_path, table)).topics
    assert (topic.theme, topic.definition) == ("Foncier", "Le plan des parcelles.")
    turtle = """@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
<u:c> a skos:Concept ; skos:prefLabel "Cadastre"@fr ; skos:scopeNote "Une note."@fr ;
    skos:definition "Le plan des parcelles."@fr, "The map."@en .
<u:d> a skos:Concept ; skos:prefLabel "Dune"@fr ; skos:scopeNote "Une note."@fr .
<u:f> a skos:Collection ; skos:prefLabel "Foncier"@fr ; skos:member <u:c> .
"""
    cadastre, dune = read_topics(listed(tmp_path, turtle, "sujets.ttl")).topics
    assert (cadastre.theme, cadastre.definition) == (topic.theme, topic.definition)
    assert (dune.theme, dune.definition) == ("", "Une note.")
    record = TopicRecord(cadastre, ("wiki:1",), (), TopicSight(0.5, enough=True))
    for one in (record, TopicRecord(dune, (), ())):
        assert topic_record(cast(Any, topic_row(one))) == one
    former = {**topic_row(record), "lists": '[[], [], ["wiki:1"], [], [0.5, true]]'}
    read = topic_record(cast(Any, former))
    assert (read.sight, read.topic.definition) == (record.sight, "")


def test_what_is_not_sound_is_shown_and_left_out(tmp_path: Path) -> None:
    """A row without label, an id or label taken twice, an unknown kind: the rest stands."""
    found = read_topics(
        listed(
            tmp_path,
            HEADER + "a,Alpha,,,\nb,,,,\na,Autre,,,\nc,alphas,,,\nd,Delta,,,métiers\n,Sans,,,\n",
        )
    )
    assert [topic.id for topic in found.topics] == ["a"]
    assert [one.where for one in found.malformed] == [f"sujets.csv:{n}" for n in range(3, 8)]


def test_links_and_labels_are_not_guessed(tmp_path: Path) -> None:
    """A link to nothing or in a circle, and a label that two claim, are cut and told."""
    found = read_topics(
        listed(
            tmp_path,
            HEADER + "a,Alpha,commun,b,\nb,Beta,,a,\nc,Gamma,commun,rien|a,\nd,Delta,,d,\n",
        )
    )
    assert {topic.id: topic.broader for topic in found.topics} == {
        "a": (),
        "b": (),
        "c": ("a",),
        "d": (),
    }
    assert not any(topic.alt_labels for topic in found.topics)
    assert len(found.malformed) == 6


TURTLE = """
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix dct: <http://purl.org/dc/terms/> .
<urn:cad> a skos:Concept ; skos:prefLabel "Cadastre"@fr, "Land register"@en ;
  skos:altLabel "arpentage"@fr, "surveying"@en ; skos:narrower <urn:plan> .
<urn:plan> a skos:Concept ; skos:prefLabel "Plan" .
<urn:geo> a skos:Concept ; skos:prefLabel "Géomètre"@fr-FR ; skos:broader <urn:cad> ;
  dct:type "métier" .
<urn:rien> a skos:Concept ; skos:altLabel "sans nom"@fr .
"""
RDF_XML = """<?xml version="1.0"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
         xmlns:skos="http://www.w3.org/2004/02/skos/core#">
  <skos:Concept rdf:about="urn:cad"><skos:prefLabel xml:lang="fr">Cadastre</skos:prefLabel>
  </skos:Concept>
</rdf:RDF>"""


def test_skos(tmp_path: Path) -> None:
    """French labels first, links read both ways, métiers by their type."""
    found = read_topics(listed(tmp_path, TURTLE, "sujets.ttl"))
    assert found.topics == (
        Topic("urn:cad", "Cadastre", ("arpentage",)),
        Topic("urn:geo", "Géomètre", (), ("urn:cad",), TopicKind.METIER),
        Topic("urn:plan", "Plan", (), ("urn:cad",)),
    )
    assert [one.reason for one in found.malformed] == ["skos:prefLabel manque"]
    rdf = read_topics(listed(tmp_path, RDF_XML, "sujets.rdf"))
    assert rdf.topics == (Topic("urn:cad", "Cadastre"),)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sujets.csv", "nom\nCadastre\n"),
        ("sujets.ttl", "ceci n'est pas du Turtle <"),
        ("sujets.rdf", "<rdf"),
        ("sujets.ttl", ""),
        ("sujets.json", "{}"),
    ],
)
def test_a_file_that_is_no_list_is_refused(tmp_path: Path, name: str, text: str) -> None:
    """With a sentence that names it."""
    with pytest.raises(SourceRefused, match="sujets"):
        read_topics(listed(tmp_path, text, name))


def test_a_missing_file(tmp_path: Path) -> None:
    """It may come back: try again."""
    with pytest.raises(SourceUnreachable):
        read_topics(tmp_path / "rien.csv")


IDS = st.sampled_from("abcdef")
DRAWN = st.lists(
    st.builds(
        Topic,
        IDS,
        st.sampled_from(["alpha", "beta", "gamma", "delta", ""]),
        st.lists(st.sampled_from(["alpha", "zeta"]), max_size=2, unique=True).map(tuple),
        st.lists(IDS, max_size=3, unique=True).map(tuple),
        st.sampled_from(TopicKind),
    ),
    max_size=8,
)


@given(DRAWN)
def test_whatever_is_listed_what_is_kept_is_sound(drawn: list[Topic]) -> None:
    """Unique ids and labels, links to kept topics only, no circle; nothing lost unsaid."""
    found = check_topics((f"l:{n}", topic) for n, topic in enumerate(drawn))
    ids = [topic.id for topic in found.topics]
    assert len(set(ids)) == len(ids)
    labels = [(topic.kind, label) for topic in found.topics for label in topic.labels]
    assert len(set(labels)) == len(labels)
    above = broader_closure(found.topics)
    assert all(topic.id not in above[topic.id] for topic in found.topics)
    assert len(found.topics) + len(found.malformed) >= len(drawn)
    again = check_topics((f"l:{n}", topic) for n, topic in enumerate(found.topics))
    assert (again.topics, again.malformed) == (found.topics, ())
    assert again.digest == found.digest
