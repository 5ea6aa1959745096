"""Clusters without a listed topic are found, named by their terms, and proposed only once."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import sqlalchemy as sa
from scipy.cluster.hierarchy import fcluster, linkage

from expertise.clustering import (
    CLUSTER_DISTANCE,
    LEAST_DOCUMENTS,
    Cluster,
    average_linkage,
    discover_clusters,
)
from expertise.corpus import UnlabelledDocument, UnlabelledSample
from expertise.decisions import SqlTopicDecisions, Verdict, apply_decisions
from expertise.topics import Topic, TopicList
from indexer.values import IndexedDocument
from quisait.application.database import migrate
from tests.builders import indexed, make_document

pytestmark = pytest.mark.experts

SUBJECTS = {
    "octroi de mer": "L'octroi de mer frappe les produits importés, article {}.",
    "pilotage de drone": "Le pilotage de drone demande une formation, séance {}.",
    "archives communales": "Les archives communales se versent au dépôt, carton {}.",
}


def leftovers(per_subject: int = 8, seed: int = 1) -> list[UnlabelledDocument]:
    """Each subject has a direction of its own, with noise; a few documents are of none."""
    draw = np.random.default_rng(seed)
    found = []
    for number, (subject, text) in enumerate(SUBJECTS.items()):
        for n in range(per_subject):
            vector = np.eye(1, 16, number)[0] + 0.15 * draw.standard_normal(16)
            found.append(left(f"wiki:{number}-{n}", subject, text.format(n), vector))
    for n in range(12):
        found.append(left(f"wiki:x-{n}", f"Divers {n}", "Rien.", draw.standard_normal(16)))
    return found


def left(id_: str, title: str, text: str, vector: np.ndarray) -> UnlabelledDocument:
    return UnlabelledDocument(
        id_, "m" * 12, title, text, (vector / np.linalg.norm(vector)).astype("f4")
    )


def test_each_subject_is_found_and_named() -> None:
    """All of its documents, none of another's, and its name among the first terms."""
    clusters = discover_clusters(leftovers())
    assert len(clusters) == len(SUBJECTS)
    for number, subject in enumerate(SUBJECTS):
        (cluster,) = (one for one in clusters if f"wiki:{number}-0" in ids(one))
        assert ids(cluster) == {f"wiki:{number}-{n}" for n in range(8)}
        assert subject in [term.written for term in cluster.terms[:2]]


def ids(cluster: Cluster) -> set[str]:
    return {one.document_id for one in cluster.documents}


def test_the_order_of_a_scan_changes_nothing() -> None:
    """The draw of what is kept, and the clusters."""
    documents = [
        replace(
            indexed(make_document(f"wiki:{n}"), "Un texte."),
            vectors=np.eye(1, 4, n % 4, dtype=np.float32),
        )
        for n in range(50)
    ]
    assert kept(documents) == kept(documents[::-1])
    assert len(kept(documents)) == 20


def kept(documents: list[IndexedDocument]) -> list[str]:
    some = UnlabelledSample(most=20)
    for one in documents:
        some.take(one)
    return [one.document_id for one in some.documents()]


@pytest.mark.parametrize("seed", range(20))
def test_groups_are_those_of_average_linkage(seed: int) -> None:
    """Those that SciPy cuts at the same distance."""
    drawn = np.random.default_rng(seed)
    middles = drawn.normal(size=(6, 16))
    vectors = middles[drawn.integers(0, 6, 60)] + drawn.normal(size=(60, 16)) * (seed + 1) / 10
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = fcluster(linkage(vectors, "average", metric="cosine"), CLUSTER_DISTANCE, "distance")
    expected = sorted(np.flatnonzero(labels == one).tolist() for one in set(labels.tolist()))
    assert sorted(average_linkage(1 - vectors @ vectors.T, CLUSTER_DISTANCE)) == expected


def test_too_few_are_no_topic() -> None:
    """Nothing is said of a handful, nor of documents that are all alike."""
    assert discover_clusters(leftovers(LEAST_DOCUMENTS - 2)) == ()
    assert discover_clusters([]) == ()
    same = [left(f"wiki:{n}", "Galette", "Jeudi.", np.ones(16)) for n in range(30)]
    assert discover_clusters(same) == ()


@pytest.fixture
def decisions() -> SqlTopicDecisions:
    return SqlTopicDecisions(migrate(sa.create_engine("sqlite://")))


MARKED = frozenset({(f"wiki:{n}", "m") for n in range(6)})
TERMS = frozenset({"octroi de mer", "taux"})
DAY = date(2026, 3, 10)


def test_a_decision_is_about_what_the_cluster_has_become(decisions: SqlTopicDecisions) -> None:
    """Half of its documents, or of its terms, are enough; other documents are another subject."""
    made = decisions.keep(Verdict.REFUSED, MARKED, TERMS, DAY)
    assert decisions.all() == (made,)
    grown = frozenset({*(f"wiki:{n}" for n in range(3, 6)), "wiki:7", "wiki:8", "wiki:9"})
    assert made.is_about(grown, frozenset())
    assert made.is_about(frozenset({"wiki:99"}), frozenset({"octroi de mer", "taux", "a"}))
    assert not made.is_about(frozenset({"wiki:99"}), frozenset({"taux", "drone"}))
    assert not made.is_about(frozenset(), frozenset())
    assert decisions.forget(made.id)
    assert not decisions.forget(made.id)
    assert decisions.all() == ()


def test_the_list_takes_what_was_accepted_and_merged(decisions: SqlTopicDecisions) -> None:
    """A new topic, another name; the list's own name wins, and what is gone is told."""
    listed = TopicList((Topic("regies", "régies"), Topic("cadastre", "cadastre")))
    decisions.keep(Verdict.REFUSED, MARKED, TERMS, DAY)
    made = decisions.keep(Verdict.ACCEPTED, MARKED, TERMS, DAY, label="octroi de mer")
    decisions.keep(Verdict.MERGED, MARKED, TERMS, DAY, label="caisses", topic_id="regies")
    decisions.keep(
        Verdict.MERGED, MARKED, TERMS, DAY, label="taxe des îles", topic_id=made.topic_id
    )
    decisions.keep(Verdict.MERGED, MARKED, TERMS, DAY, label="perdu", topic_id="parti")
    found = apply_decisions(listed, decisions.all())
    topics = {one.id: one for one in found.topics}
    assert topics["regies"].alt_labels == ("caisses",)
    assert topics[made.topic_id].labels == ("octroi de mer", "taxe des îles")
    assert len(topics) == 3
    assert [one.where for one in found.malformed] == ["sujet décidé « perdu »"]
    decisions.keep(Verdict.ACCEPTED, MARKED, TERMS, DAY, label="Cadastre")
    again = apply_decisions(listed, decisions.all())
    assert len(again.topics) == 3
    assert len(again.malformed) == 2
