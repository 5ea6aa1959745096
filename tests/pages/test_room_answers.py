"""What may be said to several readers at once, without a server of rooms."""

from pathlib import Path

import pytest

from connectors.values import EVERYONE, Access
from indexer.values import Put
from search_api.answers.rooms import answer_to_all
from tests.builders import indexed, make_document
from tests.pages.asking_site import ASKER, NEIGHBOUR, asking_site

pytestmark = pytest.mark.trust


def test_before_a_stranger_nothing_that_is_denied_to_anybody(tmp_path: Path) -> None:
    """They may be the one to whom it is denied, under another account."""
    readers = {
        "open": Access(frozenset({EVERYONE})),
        "denied": Access(frozenset({EVERYONE}), frozenset({f"agent:{NEIGHBOUR}"})),
    }
    texts = (
        "Les gardiens du port comptent chaque zanzibar le lundi matin avant l'ouverture.",
        "Une commission de sept membres refuse tout zanzibar dont la facture manque au dossier.",
    )
    with asking_site(tmp_path) as site:
        found = [
            Put(
                indexed(
                    make_document(f"wiki:{name}", title=f"Le zanzibar {name}", access=access), text
                )
            )
            for (name, access), text in zip(readers.items(), texts, strict=True)
        ]
        assert not site.index.write(found).failed
        asking = site.services.asking
        assert asking is not None
        asker = asking.reader_of(ASKER)

        def named(*others: None) -> set[str]:
            answer = answer_to_all(site.services, asker, others, "zanzibar")
            ids = {one.card.document_id.removeprefix("wiki:") for one in answer.documents}
            return ids & readers.keys()

        assert named() == {"open", "denied"}
        assert named(None) == {"open"}
