"""Documents get topics by label and by vector; nothing is encoded but the labels."""

import json

import numpy as np
import pytest

from connectors.geography import CENTROIDS, DEPARTEMENTS, distance_km
from evaluation.assignment import Assignment
from expertise.assignment import (
    BROADER,
    LEAST_CONFIDENCE,
    TopicVectors,
    topic_vectors,
    topics_named,
)
from expertise.topics import Topic, TopicKind
from indexer.values import IndexedDocument, Passage, Vectors
from tests.builders import ENCODER, make_document
from tests.shared_files import SHARED, is_there

pytestmark = pytest.mark.experts

TOPICS = (
    Topic("foncier", "taxe foncière", ("impôts fonciers",)),
    Topic("tva", "taxe sur la valeur ajoutée", ("T.V.A.",)),
    Topic("logements", "logements neufs", (), ("foncier",)),
    Topic("geometre", "géomètre du cadastre", (), ("foncier",), TopicKind.METIER),
)


TITLE = 0.87
"""The confidence by a label in the title alone, where documents are too few to compare."""


def document(title: str, *texts: str, vectors: Vectors | None = None) -> IndexedDocument:
    passages = tuple(map(Passage, texts))
    if vectors is None:
        vectors = ENCODER.passages(list(texts))
    return IndexedDocument(make_document(title=title), passages, vectors, "c", "r")


def assigned(*documents: IndexedDocument) -> list[dict[str, float]]:
    assignment = Assignment(TOPICS)
    for one in documents:
        assignment.add(one)
    found = assignment.confidences().toarray()
    return [
        {
            topic.id: round(float(value), 2)
            for topic, value in zip(TOPICS, row, strict=True)
            if value
        }
        for row in found
    ]


def test_labels_are_phrases_over_the_analysed_text() -> None:
    """Plurals, case and gaps of stop words are alike; words apart are no phrase."""
    assert assigned(
        document("Les TAXES FONCIÈRES de 2024", "x"),
        document("La taxe sur la valeur ajoutée", "x"),
        document("Taxe sur une valeur qui est ajoutée", "x"),
        document("La taxe, puis le foncier", "x"),
        document("TVA : mémento", "x"),
    ) == [{"foncier": TITLE}, {"tva": TITLE}, {}, {}, {"tva": TITLE}]


def test_an_acronym_is_no_ordinary_word() -> None:
    """In a document it stands in capitals; a question may be typed without them."""
    topics = (Topic("sage", "SAGE"), Topic("cir", "crédit d'impôt", ("CIR", "DEFI forêt")))
    assignment = Assignment(topics)
    for title in (
        "Il est sage",
        "Le SAGE de la Sarthe",
        "La cire",
        "Un défi en forêt",
        "DEFI forêt",
    ):
        assignment.add(document(title, "x"))
    assert (assignment.confidences().toarray() > 0).tolist() == [
        [False, False], [True, False], [False, False], [False, False], [False, True],
    ]  # fmt: skip
    assert topics_named("qui suit le cir ?", topics) == {"cir"}
    assert topics_named("la cire", topics) == set()


def test_a_text_that_names_everything_is_about_less() -> None:
    """And a title that names another topic says that the text's are beside it."""
    title, text, both, glossary, beside = assigned(
        document("Taxe foncière", "x"),
        document("Note", "La taxe foncière.", "x", "x", "x"),
        document("La taxe foncière", "La taxe foncière."),
        document("Glossaire", "Taxe foncière, TVA, logements neufs."),
        document("La TVA", "La taxe foncière."),
    )
    assert 0.5 < text["foncier"] < title["foncier"] < both["foncier"]
    assert glossary.get("foncier", 0) < text["foncier"]
    assert beside["foncier"] < text["foncier"]


def test_broader_topics_take_part() -> None:
    """A note about new homes is partly about property tax; one that names a métier is not."""
    assert assigned(document("Logements neufs", "x"), document("Le géomètre du cadastre", "x")) == [
        {"logements": TITLE, "foncier": round(TITLE * BROADER, 2)},
        {"geometre": TITLE},
    ]


def test_a_document_that_stands_out_by_vector_is_assigned() -> None:
    """To one topic, and only among enough documents; more surely where its text names it."""
    axes = np.eye(16, dtype=np.float32)
    labels = TopicVectors(np.array([0, 1]), axes[:2])
    draw = np.random.default_rng(1)
    plain = np.abs(draw.normal(0.2, 0.02, (80, 16))).astype(np.float32)
    plain /= np.linalg.norm(plain, axis=1, keepdims=True)
    assignment = Assignment(TOPICS, labels)
    for row in plain:
        assignment.add(document("Note", "x", vectors=row[None]))
    near = axes[1:2] * np.float32(0.9)
    assignment.add(document("Note", "x", vectors=near))
    assignment.add(document("Note", "La TVA.", vectors=near))
    assignment.add(document("Note", "La taxe foncière.", vectors=near))
    found = assignment.confidences().toarray()[80:, :2]
    assert 0.5 <= found[0, 1] < found[1, 1]
    assert found[0, 0] == found[1, 0] == 0
    assert found[2, 0] < 0.5, "its vector is another topic's"
    few = Assignment(TOPICS, labels)
    for row in plain[:20]:
        few.add(document("Note", "x", vectors=row[None]))
    few.add(document("Note", "x", vectors=near))
    assert few.confidences().nnz == 0


def test_only_labels_are_encoded() -> None:
    """A métier has no vector: it says who, not what."""
    vectors = topic_vectors(TOPICS, ENCODER)
    assert vectors.topics.tolist() == [0, 1, 2]
    assert vectors.vectors.shape == (3, ENCODER.dimension)
    assert LEAST_CONFIDENCE < TITLE


def test_distances_are_those_that_everybody_knows() -> None:
    """Between the middles of two départements, by the project's own table."""
    assert distance_km("75", "13") == pytest.approx(630, abs=30)
    assert distance_km("59", "06") == pytest.approx(800, abs=50)
    assert distance_km("29", "67") == pytest.approx(860, abs=50)
    assert distance_km("2A", "2B") == pytest.approx(60, abs=20)
    assert distance_km("971", "972") == pytest.approx(190, abs=30)
    assert distance_km("22", "22") == 0
    assert distance_km("22", "989") is None
    for one in ("22", "2A", "974"):
        for other in ("75", "988"):
            assert distance_km(one, other) == pytest.approx(distance_km(other, one) or 0)


def test_every_departement_has_its_place() -> None:
    """Those of the mainland and of Corsica between its coasts and borders."""
    assert DEPARTEMENTS.keys() - CENTROIDS.keys() == {"984", "989"}, "nobody works there"
    for code in (code for code in DEPARTEMENTS if len(code) == 2):
        latitude, longitude = CENTROIDS[code]
        assert 41.3 < latitude < 51.1, code
        assert -5.2 < longitude < 9.6, code


if is_there("geo"):

    def test_places_are_the_official_centroids() -> None:
        """The project's own table against the one in ../shared/geo."""
        known = {
            one["code"]: (one["lat"], one["lon"])
            for one in json.loads((SHARED / "geo/departements.json").read_text("utf-8"))
            if one["lat"] is not None
        }
        assert known.keys() <= CENTROIDS.keys()
        for code, place in known.items():
            assert CENTROIDS[code] == pytest.approx(place, abs=0.006)
