"""Back-channel logout: only a valid token of the provider ends a session, once, of its person."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from search_api.sign_on.signed_tokens import LOGOUT_EVENT, LOGOUT_MAX_AGE_S, ProviderSession
from tests.lying_provider import (
    CLIENT_ID,
    Claims,
    LyingProvider,
    lying_provider,
    rsa_key,
    signed,
    signed_with_the_public_key,
    unsigned,
)
from tests.made_site import state_in
from tests.pages.conftest import Parts
from tests.pages.signing_on import SigningOn, signing_on_app

pytestmark = [pytest.mark.pages, pytest.mark.trust]

PATH = "/sign-on/back-channel-logout"
STRANGER = rsa_key("first")


@dataclass
class Behind:
    """An application with sessions, its provider, and the way from one to the other."""

    made: SigningOn
    client: TestClient
    provider: LyingProvider

    def session(self, agent: str, subject: str, session: str = "") -> str:
        whose = ProviderSession(self.provider.issuer, subject, session)
        return self.made.sign_on.sessions.begin(agent, provider_session=whose)

    def open(self, *sessions: str) -> list[bool]:
        return [self.made.sign_on.sessions.find(one) is not None for one in sessions]

    def claims(self, **changed: Any) -> Claims:
        """Return the claims of a logout token of Claire's first session; None removes a claim."""
        whole = {
            "iss": self.provider.issuer,
            "aud": CLIENT_ID,
            "iat": int(time.time()),
            "jti": f"jeton-{time.monotonic_ns()}",
            "sub": "sub-claire",
            "sid": "s1",
            "events": {LOGOUT_EVENT: {}},
            **changed,
        }
        return {name: value for name, value in whole.items() if value is not None}

    def post(self, token: str, **headers: str) -> tuple[int, str]:
        said = self.client.post(PATH, data={"logout_token": token}, headers=headers)
        assert "no-store" in said.headers["cache-control"]
        return said.status_code, said.text

    def told(self, **changed: Any) -> int:
        return self.post(signed(self.claims(**changed), self.provider.key, typ="logout+jwt"))[0]


@pytest.fixture(scope="module")
def behind(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    folder = tmp_path_factory.mktemp("behind")
    with state_in(folder) as database, lying_provider() as provider:
        made = signing_on_app(parts, database, "http://testserver", provider.issuer)
        yield Behind(made, TestClient(made.app), provider)


@pytest.fixture(autouse=True)
def nothing_open(behind: Behind) -> Iterator[None]:
    yield
    behind.made.sign_on.sessions.revoke_all()


def test_a_session_ends(behind: Behind) -> None:
    """The one that is named, and no other one of the same agent's or of anybody's."""
    first, second = (behind.session("ag-1", "sub-claire", one) for one in ("s1", "s2"))
    other = behind.session("ag-4", "sub-iris", "s3")
    assert behind.told() == 200
    assert behind.open(first, second, other) == [False, True, True]
    assert behind.told(sub=None, sid="s2") == 200
    assert behind.open(second, other) == [False, True]


def test_all_sessions_of_a_person_end(behind: Behind) -> None:
    """Where the provider names the person alone; those that began without its word stay."""
    theirs = [behind.session("ag-1", "sub-claire", one) for one in ("s1", "s2", "")]
    others = [behind.session("ag-4", "sub-iris", "s1"), behind.made.sign_on.sessions.begin("ag-1")]
    assert behind.told(sid=None) == 200
    assert behind.open(*theirs, *others) == [False] * 3 + [True] * 2


def test_a_subject_and_a_session_that_do_not_belong_together(behind: Behind) -> None:
    """Both must fit; nobody is told that none did."""
    mine, theirs = behind.session("ag-1", "sub-claire", "s1"), behind.session("ag-4", "iris", "s2")
    assert behind.told(sid="s2") == 200
    assert behind.open(mine, theirs) == [True, True]


def test_a_token_is_believed_once(behind: Behind) -> None:
    """Who signed on again since stays signed on."""
    behind.session("ag-1", "sub-claire", "s1")
    token = signed(behind.claims(), behind.provider.key, typ="logout+jwt")
    assert behind.post(token)[0] == 200
    again = behind.session("ag-1", "sub-claire", "s1")
    assert behind.post(token)[0] == 400
    assert behind.open(again) == [True]


NOW_S = int(time.time())
Token = Callable[[Behind], str]


def claiming(**changed: Any) -> Token:
    return lambda b: signed(b.claims(**changed), b.provider.key, typ="logout+jwt")


LIES: dict[str, Token] = {
    "not signed": lambda b: unsigned(b.claims()),
    "signed with the public key": lambda b: signed_with_the_public_key(
        b.claims(), b.provider.key
    ),
    "another's key": lambda b: signed(b.claims(), STRANGER),
    "another issuer": claiming(iss="https://autre.example"),
    "no issuer": claiming(iss=None),
    "another's": claiming(aud="autre"),
    "for nobody": claiming(aud=None),
    "an ID token": lambda b: signed(
        b.claims(nonce="x", events=None), b.provider.key
    ),
    "with a nonce": claiming(nonce="x"),
    "with an empty nonce": claiming(nonce=""),
    "no event": claiming(events=None),
    "another event": claiming(events={"http://autre.example": {}}),
    "events that are a list": claiming(events=[LOGOUT_EVENT]),
    "an event that says nothing": claiming(events={LOGOUT_EVENT: "oui"}),
    "no moment": claiming(iat=None),
    "a moment that is none": claiming(iat="hier"),
    "true as a moment": claiming(iat=True),
    "old": claiming(iat=NOW_S - LOGOUT_MAX_AGE_S - 3_600),
    "of tomorrow": claiming(iat=NOW_S + 86_400),
    "over": claiming(exp=NOW_S - 3_600),
    "no name of its own": claiming(jti=None),
    "a name that is none": claiming(jti=3),
    "of nobody": claiming(sub=None, sid=None),
    "of somebody empty": claiming(sub="", sid=""),
    "of a list": claiming(sub=["sub-claire"]),
    "of a number": claiming(sid=1),
    "another kind of token": lambda b: signed(b.claims(), b.provider.key, typ="at+jwt"),
    "nothing": lambda b: "",
    "no token": lambda b: "rien",
    "without end": lambda b: "a" * 200_000,
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_no_lie_ends_a_session(behind: Behind, lie: Token) -> None:
    """400, without a word of why, and every session is still there."""
    session = behind.session("ag-1", "sub-claire", "s1")
    status, text = behind.post(lie(behind))
    assert status == 400
    assert behind.open(session) == [True]
    assert "sub-claire" not in text


def test_a_provider_whose_keys_do_not_come(parts: Parts, database: sa.Engine) -> None:
    """503: the provider may say it again."""
    made = signing_on_app(parts, database, "http://testserver", "http://127.0.0.1:1")
    with lying_provider() as provider:
        token = signed({"iss": "http://127.0.0.1:1"}, provider.key)
        said = TestClient(made.app).post(PATH, data={"logout_token": token})
    assert said.status_code == 503


def test_a_browser_is_no_provider(behind: Behind) -> None:
    """A page of another site makes no browser carry it, and nothing is read by GET."""
    session = behind.session("ag-1", "sub-claire", "s1")
    token = signed(behind.claims(), behind.provider.key, typ="logout+jwt")
    assert behind.client.get(PATH).status_code == 405
    foreign = {"origin": "https://ailleurs.example"}
    said = behind.client.post(PATH, data={"logout_token": token}, headers=foreign)
    assert said.status_code == 403
    assert behind.open(session) == [True]


def test_many_at_once_are_all_heard(behind: Behind) -> None:
    """More than a stranger may ask: the provider proved who it is."""
    sessions = [behind.session(f"ag-{n}", f"sub-{n}", f"s-{n}") for n in range(80)]
    for n in range(80):
        assert behind.told(sub=f"sub-{n}", sid=f"s-{n}") == 200
    assert not any(behind.open(*sessions))
