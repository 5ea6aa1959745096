"""The geographic code: what is known of it by heart, and the official tables where they are."""

import json
from collections import Counter

import pytest

from connectors.geography import DEPARTEMENTS, REGIONS, area_name, region_of
from tests.shared_files import SHARED, is_there

pytestmark = pytest.mark.sources

MEMBERS = {
    "11": {"75", "77", "78", "91", "92", "93", "94", "95"},
    "53": {"22", "29", "35", "56"},
    "93": {"04", "05", "06", "13", "83", "84"},
    "94": {"2A", "2B"},
    "03": {"973"},
}
"""Départements of some regions."""


COLLECTIVITIES = {"975", "977", "978", "984", "986", "987", "988", "989"}
"""Overseas, and no département: each stands as a region of its own."""


def test_there_are_as_many_as_there_are() -> None:
    """101 départements in 18 regions: 96 in 13, and five overseas, each a region of its own."""
    departements = DEPARTEMENTS.keys() - COLLECTIVITIES
    regions = Counter(region_of(code) for code in departements)
    assert DEPARTEMENTS.keys() > COLLECTIVITIES
    assert (len(departements), len(regions)) == (101, 18)
    assert regions.keys() | COLLECTIVITIES == REGIONS.keys()
    alone = {code for code in departements if regions[region_of(code)] == 1}
    assert alone == {"971", "972", "973", "974", "976"}


def test_codes_follow_the_alphabet() -> None:
    """From 01 to 19, 21 to 89 and 90, but for Corsica and what a new name moved."""
    codes = [f"{n:02}" for n in range(1, 96) if n != 20]
    assert {code for code in DEPARTEMENTS if len(code) == 2} == {*codes, "2A", "2B"}


@pytest.mark.parametrize(("region", "members"), MEMBERS.items())
def test_regions_have_their_departements(region: str, members: set[str]) -> None:
    """No more and no fewer."""
    assert {code for code in DEPARTEMENTS if region_of(code) == region} == members


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("01", "Ain"),
        ("2A", "Corse-du-Sud"),
        ("75", "Paris"),
        ("95", "Val-d'Oise"),
        ("976", "Mayotte"),
    ],
)
def test_departements_have_their_name(code: str, name: str) -> None:
    """The first, the last, and those between that are easily mistaken."""
    assert area_name(code) == name


if is_there("geo"):

    def test_the_code_is_the_official_one() -> None:
        """Codes, names and regions of all départements, collectivities and regions agree."""
        departements, regions = (
            json.loads((SHARED / "geo" / f"{table}.json").read_text("utf-8"))
            for table in ("departements", "regions")
        )
        assert {one["code"]: one["nom"] for one in departements} == dict(DEPARTEMENTS)
        assert {one["code"]: one["nom"] for one in regions} == dict(REGIONS)
        assert {one["code"]: one["region"] for one in departements} == {
            code: region_of(code) for code in DEPARTEMENTS
        }


def test_unknown_codes_have_no_region() -> None:
    """An unknown code is shown as it is and belongs nowhere."""
    assert (area_name("99"), region_of("99")) == ("99", None)
