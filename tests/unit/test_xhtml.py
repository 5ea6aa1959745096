"""Tika's XHTML as sections, whether it is well-formed or not."""

import re

import pytest

from indexer.extraction.xhtml import page_of

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
        ("parcelles \ud800 bâties", "Les parcelles ? bâties."),  # half a character
        ("parcelles<script/> bâties", "Les parcelles bâties."),  # closed as XML closes
    ],
)
def test_what_is_no_xml_is_read_all_the_same(written: str, read: str) -> None:
    (section,) = page_of(PAGE.format(written)).sections
    assert section.heading == "Le cadastre"
    assert " ".join(section.text.split(" ")).replace("\u00a0", " ").split() == read.split()


def test_no_entity_that_a_file_declares_is_expanded() -> None:
    """A document type is none of Tika's: the text shows what was written."""
    declared = '<!DOCTYPE html [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
    texts = [section.text for section in page_of(declared + PAGE.format("&b;")).sections]
    assert "Les &b;." in texts
    assert not any("aaaaaaaaaa" in text for text in texts)


def test_a_tag_that_xml_closes_at_once_swallows_nothing() -> None:
    """HTML would take all that follows `<title/>` for the title."""
    (section,) = page_of("<html><head><title/></head><body><p>Le plan</p></body></html>").sections
    assert section.text == "Le plan"


def test_a_page_that_closes_what_was_not_opened_goes_on() -> None:
    """Every piece of text is there once, in its order."""
    written = "<html><body></div></table><p>un</b><td>deux</p></html><p>trois</body>"
    (section,) = page_of(written).sections
    assert re.findall(r"\w+", section.text) == ["un", "deux", "trois"]
