"""A build counts writers by how much of a text is theirs, as a question's votes do."""

import pytest

from connectors.values import EVERYONE, Access, Contribution, ContributorRole
from evaluation.assignment import Assignment
from expertise.topics import Topic
from expertise.votes import VOLUME_FLOOR
from tests.builders import indexed, make_document
from tests.reference_build import read_corpus
from tests.windows import TODAY

pytestmark = pytest.mark.experts


def test_who_corrected_a_comma_weighs_little_in_a_build() -> None:
    """Whoever began the page; without volumes their roles tell."""
    weights = {}
    for number, volumes in enumerate(((2, 226), (None, None))):
        roles = (ContributorRole.AUTHOR, ContributorRole.EDITOR)
        document = make_document(
            f"wiki:{number}",
            access=Access(frozenset({EVERYONE})),
            contributions=tuple(
                Contribution(f"wiki:{role.value}", role, volume=volume)
                for role, volume in zip(roles, volumes, strict=True)
            ),
        )
        topics = Assignment([Topic("t", "note")])
        corpus = read_corpus([indexed(document)], topics, frozenset({EVERYONE}), TODAY)
        weights[volumes] = {
            corpus.accounts[account]: weight
            for account, weight in zip(corpus.account, corpus.weight, strict=True)
        }
    assert weights[2, 226] == pytest.approx({"wiki:author": VOLUME_FLOOR, "wiki:editor": 1.0})
    assert weights[None, None] == pytest.approx({"wiki:author": 1.0, "wiki:editor": 0.6})
