"""A card is written as one line and read back."""

import json

import pytest

from connectors.values import Contribution, ContributorRole
from indexer.cards import card_line, card_of
from indexer.values import Passage
from tests.builders import indexed, make_document

pytestmark = pytest.mark.search


def test_a_card_of_before_its_fields_is_still_read() -> None:
    """Missing fields of old cards get defaults: unsigned, no thanks, no volumes."""
    document = make_document(
        contributions=(
            Contribution("wiki:ana", ContributorRole.ANSWERER, thanks=3, volume=40),
            Contribution("wiki:ben", ContributorRole.EDITOR, volume=0),
        )
    )
    line = card_line(indexed(document, passages=(Passage("Le texte", author="wiki:ana"),)))
    kept = card_of(line)
    assert not kept.signed
    assert kept.contributions == document.contributions
    fields = json.loads(line)
    del fields["signed"]
    fields["contributions"] = [row[:7] for row in fields["contributions"]]
    former = card_of(json.dumps(fields))
    assert former.signed
    assert [(row.thanks, row.volume) for row in former.contributions] == [(0, None)] * 2
