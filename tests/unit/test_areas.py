"""The geographic code, against the shared copy of the official one."""

import json

import pytest

from connectors.geography import DEPARTEMENTS, REGIONS, area_name, region_of
from tests.shared_files import SHARED

pytestmark = pytest.mark.sources


def test_departements_are_those_of_the_official_code() -> None:
    """Codes, names and regions of all départements and collectivities agree."""
    official = json.loads((SHARED / "geo" / "departements.json").read_text())
    assert {d["code"]: d["nom"] for d in official} == dict(DEPARTEMENTS)
    assert {d["code"]: d["region"] for d in official} == {c: region_of(c) for c in DEPARTEMENTS}


def test_regions_are_those_of_the_official_code() -> None:
    """Codes and names of all regions agree."""
    official = json.loads((SHARED / "geo" / "regions.json").read_text())
    assert {r["code"]: r["nom"] for r in official} == dict(REGIONS)


def test_unknown_codes_have_no_region() -> None:
    """An unknown code is shown as it is and belongs nowhere."""
    assert (area_name("99"), region_of("99")) == ("99", None)
