"""Agents see their own sessions and tokens, and never what would open anything."""

from dataclasses import replace
from datetime import UTC, date, datetime
from html import unescape

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from connectors.account_linking import LinkBy, LinkRule
from connectors.values import Agent
from expertise.consent import SqlConsent
from expertise.directory import SqlDirectory
from indexer.state import digest
from search_api.identity.readers import reader_of
from search_api.sign_on.sessions import DAY_S, SHORT_KEY_CHARS
from tests.builders import Listed
from tests.pages.administration import TODAY
from tests.pages.conftest import TOKENS, Parts
from tests.pages.signing_on import SigningOn, signing_on_app

pytestmark = [pytest.mark.pages, pytest.mark.trust]

DAYS = 30


@pytest.fixture
def made(parts: Parts, database: sa.Engine) -> SigningOn:
    """The application; no reader of these tests goes to its provider."""
    made = signing_on_app(parts, database, "http://testserver", "http://127.0.0.1:9")
    consent = SqlConsent(database, lambda: datetime.now(UTC))
    made.app.state.services = replace(made.app.state.services, consent=consent)
    return made


def test_each_account_is_told_with_the_rule_that_gives_it(
    made: SigningOn, database: sa.Engine
) -> None:
    """The agent's id, their address whatever its case, or the directory's own word; in French."""
    agent = Agent(
        "ag-9",
        "Zoé",
        "Petit",
        email="Zoe.Petit@fin.example",
        accounts=("wiki:Ag-9", "forum:zoe.petit@fin.example", "mail:zp", "forum:zp"),
    )
    services = made.app.state.services
    rules = (
        LinkRule("wiki", (LinkBy.ID,), capitalized=True),
        LinkRule("forum", (LinkBy.ID, LinkBy.EMAIL)),
    )
    book = SqlDirectory(database)
    book.replace(Listed(agent))
    made.app.state.services = replace(
        services,
        people=book,
        join_rules=lambda: rules,
        reader_of=lambda _: reader_of("ag-9", book, TODAY),
        consent=SqlConsent(database, lambda: datetime.now(UTC)),
    )
    client = TestClient(made.app)
    assert client.get("/api/v1/me").json()["joined_by"] == {
        "wiki:Ag-9": "uid",
        "forum:zoe.petit@fin.example": "email",
        "mail:zp": "directory",
        "forum:zp": "directory",
    }
    page = unescape(client.get("/mes-donnees").text)
    assert "wiki:Ag-9\xa0: il porte votre identifiant d’agent" in page
    assert "forum:zoe.petit@fin.example\xa0: il porte votre adresse électronique" in page
    assert "mail:zp\xa0: l’annuaire vous le donne" in page


def day(moment_s: int) -> str:
    return datetime.fromtimestamp(moment_s, UTC).date().isoformat()


def test_ones_own_sessions_and_tokens_are_told_by_day(made: SigningOn) -> None:
    """API, export and page alike; another's are not, nor a secret, its digest or a part of it."""
    kept = made.sign_on
    assert kept.tokens is not None
    begun_s = kept.now_s()
    secrets = [
        kept.sessions.begin("ag-1", "jeton-d-identite"),
        kept.tokens.make("ag-1", "tableur", DAYS),
    ]
    others = [kept.sessions.begin("ag-2"), kept.tokens.make("ag-2", "jeton d'autrui", DAYS)]
    client = TestClient(
        made.app, headers={"Authorization": f"Bearer {TOKENS.make('ag-1', begun_s)}"}
    )
    answers = [client.get(path) for path in ("/api/v1/me", "/api/v1/me/export", "/mes-donnees")]
    assert [one.status_code for one in answers] == [200, 200, 200], answers[0].text
    for body in (answers[0].json(), answers[1].json()):
        (session,), (token,) = body["sessions"], body["tokens"]
        assert session == {"begun": day(begun_s), "last_used": day(begun_s)}
        assert token == {
            "label": "tableur",
            "made": day(begun_s),
            "ends": day(begun_s + DAYS * DAY_S),
            "last_used": None,
            "assistant": False,
            "sources": None,
            "spaces": None,
        }
    page = unescape(answers[2].text)
    assert "1\xa0session ouverte, 1\xa0jeton personnel." in page
    assert "Jeton «\xa0tableur\xa0»" in page
    assert "jamais utilisé" in page
    assert str(date.fromisoformat(day(begun_s)).year) in page
    assert "Le registre des consultations privilégiées" in page
    assert answers[0].json()["held_elsewhere"]
    told = "".join(one.text for one in answers)
    assert "autrui" not in told
    assert "jeton-d-identite" not in told
    for secret in (*secrets, *others):
        assert secret not in told
        assert digest(secret)[:SHORT_KEY_CHARS] not in told


def test_a_personal_token_does_not_speak_about_its_agent(made: SigningOn) -> None:
    """Whoever stole one reads nothing that is held, and withdraws nobody."""
    assert made.sign_on.tokens is not None
    token = made.sign_on.tokens.make("ag-1", "tableur", DAYS)
    client = TestClient(made.app, headers={"Authorization": f"Bearer {token}"})
    assert client.get("/api/v1/search?q=cadastre").status_code == 200
    refused = [
        client.get("/mes-donnees"),
        client.get("/api/v1/me"),
        client.get("/api/v1/me/export"),
        client.post("/api/v1/me/wishes", json={"kind": "withdraw"}),
        client.delete("/api/v1/me/wishes?kind=withdraw"),
    ]
    assert [one.status_code for one in refused] == [403] * 5
    assert refused[1].json()["code"] == "in_person"
