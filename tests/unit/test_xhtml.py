"""Tika's XHTML as sections, whether it is well-formed or not."""

import pytest

from indexer.extraction.xhtml import sections_of

pytestmark = pytest.mark.sources

PAGE = "<html><head><title>t</title></head><body><h1>Le cadastre</h1><p>Les {}.</p></body></html>"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("parcelles", "Les parcelles."),
        ("parcelles &amp; plans &#233;tablis", "Les parcelles & plans établis."),
        ("parcelles<br/>et plans", "Les parcelles\net plans."),
        ("<b>parcelles", "Les parcelles."),  # not closed: no XML
        ("parcelles&nbsp;bâties", "Les parcelles bâties."),  # unknown to XML
        ("parcelles <a x='1' x='2'>bâties</a>", "Les parcelles bâties."),  # nor is this
        ("parcelles \x0c bâties", "Les parcelles bâties."),
    ],
)
def test_what_is_no_xml_is_read_all_the_same(written: str, read: str) -> None:
    (section,) = sections_of(PAGE.format(written))
    assert section.heading == "Le cadastre"
    assert " ".join(section.text.split(" ")).replace("\u00a0", " ").split() == read.split()


def test_no_entity_that_a_file_declares_is_expanded() -> None:
    """A document type is none of Tika's: the text shows what was written."""
    declared = '<!DOCTYPE html [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
    (section,) = sections_of(declared + PAGE.format("&b;"))
    assert "aaaaaaaaaa" not in section.text
