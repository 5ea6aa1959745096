"""Readers see that a text was recognised on a scan."""

from dataclasses import replace
from pathlib import Path

import pytest

from connectors.values import Access
from expertise.consent import SqlConsent
from indexer.recognition import RecognisedPage
from indexer.scans import Scans
from indexer.values import Put
from quisait.privacy.replay import replay
from tests.builders import indexed, make_document
from tests.pages.asking_site import MAPPER, asking_site

pytestmark = [pytest.mark.pages, pytest.mark.trust]

SCAN = b"%PDF-1.4 of pictures"
SAID = "Texte reconnu sur une numérisation (confiance 87 %)"


def recognised(scans: Scans, document_id: str) -> None:
    scans.note("wiki", document_id, SCAN)
    waiting = {one.document_id: one for one in scans.waiting("wiki", 9)}[document_id]
    scans.found_pages(waiting, 1)
    scans.add_page(waiting, RecognisedPage("Le registre des bornes.", 86.6, 20))
    scans.end(waiting)


def test_a_recognised_text_says_so(tmp_path: Path) -> None:
    """In the results, on its page and in the API; nowhere for one that may not be read."""
    with asking_site(tmp_path) as site:
        closed = Access(frozenset({"agent:nobody"}))
        for name, access in (("scan", None), ("ferme", closed)):
            document = make_document(f"wiki:{name}", title=f"Registre {name}")
            document = replace(document, access=access or document.access)
            assert not site.index.write([Put(indexed(document, "Le registre des bornes."))]).failed
        scans = Scans(site.engine)
        for name in ("scan", "ferme"):
            recognised(scans, f"wiki:{name}")
        client = replace(site, services=replace(site.services, scans=scans)).client(MAPPER)
        shown = client.get("/", params={"q": "registre des bornes"}).text
        assert shown.count(SAID) == 1
        assert SAID in client.get("/documents/wiki:scan").text
        assert SAID not in client.get("/documents/wiki:ferme").text
        found = client.get("/api/v1/search", params={"q": "registre des bornes"}).json()
        sure = {one["id"]: one["recognised"] for one in found["documents"]}
        assert sure["wiki:scan"] == 87
        assert "wiki:ferme" not in sure
        assert {value for id_, value in sure.items() if id_ != "wiki:scan"} <= {None}
        scans.forget("wiki", ["wiki:scan"])
        assert SAID not in client.get("/documents/wiki:scan").text


def test_a_restored_text_of_a_deleted_document_goes(tmp_path: Path) -> None:
    """What the register says to be gone, an older database says no more; other scans stay."""
    with asking_site(tmp_path) as site:
        scans = Scans(site.engine)
        recognised(scans, "wiki:scan")
        recognised(scans, "wiki:autre")
        site.register.note("gone", documents=["wiki:scan"])
        lines = list(site.register.lines())
        replay(lines, site.engine, SqlConsent(site.engine, site.clock), site.index, b"key")
        assert scans.known("wiki") == {"wiki:autre"}
