"""Documents of agents who left say their name from the directory, also after the purge."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.values import Agent
from expertise.consent import WHOLE_SERVICE, Preference, PreferenceKind
from expertise.directory import SqlDirectory
from quisait.privacy.retention import purge_departed
from tests.builders import Listed
from tests.pages.asking_site import AGENTS, ASKER, MAPPER, NEIGHBOUR, AskingSite, asking_site
from tests.planted import TODAY

pytestmark = [pytest.mark.pages, pytest.mark.trust]

LEFT = TODAY - timedelta(days=400)
DOCUMENTS = {MAPPER: "wiki:0", NEIGHBOUR: "wiki:3"}
"""A document of each, whose source says only the account."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[AskingSite]:
    """Two agents have left long ago; the second withdrew before. Both are purged."""
    with asking_site(tmp_path) as made:
        consent = made.services.consent
        assert consent is not None
        consent.ask(Preference(NEIGHBOUR, PreferenceKind.WITHDRAW, WHOLE_SERVICE))
        read_directory(made)
        assert purge(made) == (MAPPER, NEIGHBOUR)
        yield made


def read_directory(site: AskingSite) -> None:
    gone = DOCUMENTS.keys()
    people = (replace(one, departure=LEFT) if one.id in gone else one for one in AGENTS)
    SqlDirectory(site.engine).replace(Listed(*people))


def purge(site: AskingSite) -> tuple[str, ...]:
    return purge_departed(site.engine, site.register, TODAY, 365, b"key")


def author(site: AskingSite, agent_id: str) -> dict[str, object]:
    """The author of the agent's document, as the API says."""
    found = site.client(ASKER).get(f"/api/v1/documents/{DOCUMENTS[agent_id]}").json()
    (one,) = found["authors"]
    return {name: one[name] for name in ("name", "departed", "agent_id")}


def test_departed_author_keeps_name_after_purge(site: AskingSite) -> None:
    """On pages and in the API; `auteur:` finds the name; there is no page of the agent."""
    shown = {"name": "Jo Carteau", "departed": True, "agent_id": MAPPER}
    assert author(site, MAPPER) == shown
    client = site.client(ASKER)
    for page in ("/documents/wiki:0", "/?q=corriger cadastre parcelle"):
        text = client.get(page).text
        assert "Jo Carteau" in text, page
        assert "parti(e)" in text, page
        assert f"/agents/{MAPPER}" not in text, page
    by_name = site.services.people.accounts_named(["jo", "carteau"])
    assert "wiki:a1" in by_name, "auteur:"
    assert client.get(f"/agents/{MAPPER}").status_code == 404


def test_only_name_and_departure_stay_after_purge(site: AskingSite) -> None:
    kept = Agent(MAPPER, "Jo", "Carteau", departure=LEFT)
    assert site.services.people.as_read(MAPPER) == kept
    assert purge(site) == (), "nothing is left to delete"
    read_directory(site)
    assert purge(site) == (MAPPER, NEIGHBOUR), "the directory brought their entries back"


def test_departed_author_who_withdrew_is_never_named(site: AskingSite) -> None:
    """Neither after the purge, which keeps no name, nor when the directory is read again."""
    row = site.services.people.as_read(NEIGHBOUR)
    assert row is not None
    assert row.name == ""
    for _ in range(2):
        assert author(site, NEIGHBOUR) == {"name": "a2", "departed": False, "agent_id": None}
        read_directory(site)


def test_withdrawal_goes_when_directory_lists_agent_no_more(site: AskingSite) -> None:
    """Counted from the first purge that misses them, as for every agent who is missing."""
    SqlDirectory(site.engine).replace(Listed(*AGENTS[2:]))
    consent = site.services.consent
    assert consent is not None
    assert purge(site) == ()
    assert consent.of(NEIGHBOUR)
    later = TODAY + timedelta(days=365)
    assert purge_departed(site.engine, site.register, later, 365, b"key") == (NEIGHBOUR,)
    assert not consent.of(NEIGHBOUR)
