"""A denial of an unknown principal closes the document and is reported, until it is corrected."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.opensearch_index import engine_settings
from tests.service.place import Place, make_place

pytestmark = [pytest.mark.sources, pytest.mark.trust]

RULES = "pattern,allowed,denied\n*,everyone,\nregie.md,everyone,{denied}\n"
MISSPELT, RIGHT = "annuaire:group:fruade", "annuaire:group:fraude"
QUESTION = "régisseur recettes comptable"


@pytest.fixture(params=["embedded", "opensearch"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """The notes of a small administration, where `ag-2` is in the group `fraude`."""
    with engine_settings(request.param) as index:
        yield denying(make_place(tmp_path / "place", **index), MISSPELT)


def denying(place: Place, denied: str) -> Place:
    (place.folder / "notes" / "_quisait.csv").write_text(RULES.format(denied=denied), "utf-8")
    return place


def readers(place: Place, **said: str) -> set[str]:
    """Which of the two agents find the note."""
    asked = Place(place.folder, {**place.environment, **said})
    return {
        agent
        for agent in ("ag-1", "ag-2")
        for hit in asked.json("search", QUESTION, "--agent", agent)["documents"]
        if hit["id"] == "notes:regie.md"
    }


def unknown(place: Place, **said: str) -> dict[str, int]:
    """Return the number of documents by unknown denial, as `quisait sources` reports it."""
    asked = Place(place.folder, {**place.environment, **said})
    (status,) = asked.json("sources", "notes")
    return {one["principal"]: one["documents"] for one in status["unknown_denials"]}


def test_a_misspelt_denial_closes_until_it_is_corrected(place: Place) -> None:
    """To who was meant and to everybody else; check and sources name it and say what to do."""
    place.run("crawl")
    assert readers(place) == set()
    assert unknown(place) == {MISSPELT: 1}
    lines = place.run("check", status=1).stdout.splitlines()
    (line,) = (one for one in lines if MISSPELT in one and "refus de" in one)
    assert line.startswith("ÉCHEC  refus de notes : ")
    assert "[access] accepted_denials" in line
    for arguments in (("sources",), ("sources", "notes")):
        assert f"« {MISSPELT} »" in place.run(*arguments).stdout

    denying(place, RIGHT)
    place.run("crawl")
    assert readers(place) == {"ag-1"}
    assert unknown(place) == {}
    assert "refus de" not in place.run("check").stdout


def test_the_settings_take_a_denial_as_it_is(place: Place) -> None:
    """Then it shuts out nobody, as it says; nothing is read again for that, nor told any more."""
    place.run("crawl")
    said = {"QUISAIT_ACCESS__ACCEPTED_DENIALS": f'[" {MISSPELT}"]'}
    assert readers(place, **said) == {"ag-1", "ag-2"}
    assert unknown(place, **said) == {}
    accepting = Place(place.folder, {**place.environment, **said})
    assert "refus de" not in accepting.run("check").stdout
    assert readers(place) == set()


def test_a_group_that_the_directory_has_later_opens_at_once(place: Place) -> None:
    """And one that it no longer has closes: no document is written again for either."""
    place.run("crawl")
    groups = place.folder / "groupes.csv"
    before = groups.read_text("utf-8")
    groups.write_text(before + f"{MISSPELT},Vide,\n", "utf-8")
    told = place.run("crawl").stdout
    assert "notes : 0 écrit, 0 inchangé, 0 droit changé" in told
    assert readers(place) == {"ag-1", "ag-2"}
    groups.write_text(before + f"{MISSPELT},Un,ag-1\n", "utf-8")
    place.run("crawl")
    assert readers(place) == {"ag-2"}
    groups.write_text(before, "utf-8")
    place.run("directory", "--accept-departures")
    assert readers(place) == set()
