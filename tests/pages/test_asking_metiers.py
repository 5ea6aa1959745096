"""Questions to a métier, and the embedded box's link to the page for asking."""

from dataclasses import replace
from pathlib import Path

import pytest

from search_api.questions.storage import Asking
from search_api.questions.values import AskingPreferences
from tests.made_site import without
from tests.pages.asking_site import (
    ASKER,
    BEHIND,
    FARAWAY,
    HERE,
    MAPPER,
    NEIGHBOUR,
    STRANGER,
    AskingSite,
    asking_site,
)

pytestmark = [pytest.mark.pages, pytest.mark.trust]

METIER = "géomètre"
HOLDERS = dict.fromkeys((ASKER, NEIGHBOUR, FARAWAY, BEHIND, STRANGER), METIER)
"""Who asks among them, one who is reached by their service alone, and one of another entity."""


def asked_in_turn(site: AskingSite, question: str) -> list[str]:
    """Return the recipients of the question in turn, if none of them answers in time."""
    found: list[str] = []
    for _ in range(5):
        found += [one for one in site.waiting(question) if one not in found]
        site.later(4)
    return found


def test_a_metier_is_asked_nearest_first_and_one_by_one(tmp_path: Path) -> None:
    """Its holders alone, whoever the search would name; under the same limits as any question."""
    with asking_site(tmp_path, metiers=HOLDERS, per_week=1) as site:
        question = site.ask(title="Le cadastre, pour nous ?", metier=METIER)
        assert site.read(ASKER, question)["topic_id"] == METIER
        # 35 is nearer to 22 than 48, and 974 than nothing; the mapper, nearest of all, is none.
        assert asked_in_turn(site, question) == [NEIGHBOUR, STRANGER, FARAWAY]
        second = site.ask(title="Encore le cadastre ?", metier=METIER)
        assert site.waiting(second) != [], "a week later"
        third = site.ask(title="Et encore ?", metier=METIER)
        assert not set(site.waiting(third)) & set(site.waiting(second)), "beyond their limit"


def test_rights_wishes_and_topics_hold_for_a_metier(tmp_path: Path) -> None:
    """Who may not read it, receives nothing, or chose other topics is not asked."""
    with asking_site(tmp_path, metiers=HOLDERS) as site:
        said = AskingPreferences(topics=("regies",))
        site.questions.requests.prefer(NEIGHBOUR, said)
        question = site.ask(metier=METIER, scope="entity", scope_id=HERE)
        assert asked_in_turn(site, question) == [FARAWAY]
        site.questions.requests.prefer(NEIGHBOUR, replace(said, topics=(METIER,)))
        site.questions.requests.prefer(FARAWAY, AskingPreferences(receives=False))
        assert asked_in_turn(site, site.ask(metier=METIER)) == [NEIGHBOUR, STRANGER]


def test_the_page_offers_metiers_and_refuses_what_is_none(tmp_path: Path) -> None:
    """From the métier's own page to the question, by the form alone."""
    with asking_site(tmp_path, metiers=HOLDERS) as site:
        client = site.client(ASKER)
        link = f"/questions/new?metier={METIER}".replace("é", "%C3%A9").replace("è", "%C3%A8")
        assert link in client.get(f"/topics/{METIER}").text
        page = client.get(link).text
        assert f'value="metier:{METIER}" selected' in page
        form = {"title": "Quel plan ?", "community": f"metier:{METIER}"}
        asked = client.post("/questions", data=form)
        assert asked.status_code == 303
        assert site.waiting(asked.headers["location"].rpartition("/")[2]) == [NEIGHBOUR]
        refused = {"title": "Quel plan ?", "metier": "cadastre"}
        assert client.post("/api/v1/questions", json=refused).status_code == 422


def test_the_box_leads_to_where_one_asks_only_where_one_can(tmp_path: Path) -> None:
    """Its texts say so, and are the same for everybody."""
    with asking_site(tmp_path) as site:
        on = site.client(MAPPER).get("/embed/words.js")
        off = replace(site, services=without(site.services, Asking)).client(MAPPER)
        assert '"ask": "Poser' in on.text
        assert '"ask": ""' in off.get("/embed/words.js").text
        assert "questions/new" in site.client(MAPPER).get("/embed/asking.js").text
