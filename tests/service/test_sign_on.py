"""Sign-on as an administrator sets it up: settings, `check`, a real server, the command line."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from authlib.integrations.requests_client import OAuth2Session

from tests.oidc_provider import (
    APPLICATION_ADDRESS,
    APPLICATION_ID,
    CLIENT_ID,
    CLIENT_SECRET,
    ProviderPlan,
    running_provider,
)
from tests.pages.signing_on import at_provider, browsing, proconnect_claims, signed_on
from tests.pushed_documents import DOCUMENT
from tests.service.place import AGENTS, Place, make_place
from tests.service.running import Running, free_port, running, wait_until

pytestmark = pytest.mark.trust

OWN_AGENTS = AGENTS.replace("wiki:ana|", "wiki:ana|docs:ana|")
DOCS = f"""
[[sources]]
name = "docs"
kind = "push"
every = "1 s"
search_client = "{APPLICATION_ID}"
"""
ACCOUNTS = {"ana": proconnect_claims("ag-1"), "ben": proconnect_claims("ag-2")}


@dataclass(frozen=True, slots=True)
class Served:
    address: str
    issuer: str
    pushing: str
    place: Place
    run: Running


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    port, provider_port = free_port(), free_port()
    address = f"http://127.0.0.1:{port}"
    plan = ProviderPlan(provider_port, address, ACCOUNTS)
    folder = tmp_path_factory.mktemp("sign-on")
    secrets = folder / "secrets"
    secrets.mkdir()
    (secrets / "oidc__client_secret").write_text(CLIENT_SECRET + "\n", "utf-8")
    place = make_place(
        folder / "place",
        QUISAIT_SERVER__PORT=str(port),
        QUISAIT_SECRETS=str(secrets),
        QUISAIT_SIGN_ON__ADDRESS=address,
        QUISAIT_SIGN_ON__ACCEPTED='{"idp_id": ["idp-finances"]}',
        QUISAIT_OIDC__ISSUER=plan.issuer,
        QUISAIT_OIDC__CLIENT_ID=CLIENT_ID,
        QUISAIT_OIDC__SCOPES="openid uid email idp_id",
    )
    (place.folder / "agents.csv").write_text(OWN_AGENTS, "utf-8")
    with (place.folder / "quisait.toml").open("a", encoding="utf-8") as settings:
        settings.write(DOCS)
    pushing = place.run("push", "token", "add", "docs").stdout.strip()
    with running_provider(plan), running(place) as run:
        wait_until(lambda: run.measured("quisait_source_lag_seconds", source="wiki") is not None)
        yield Served(address, plan.issuer, pushing, place, run)


def test_check_tries_the_provider(served: Served) -> None:
    """It says how many keys the provider publishes."""
    (line,) = [one for one in served.place.json("check") if one["name"] == "identité"]
    assert line["detail"].endswith(", 1 clés")


def test_sessions_on_the_command_line(served: Served) -> None:
    """Listed without what would open one; an administrator ends an agent's, at once."""
    with browsing() as ana, browsing() as ben:
        for client, login in ((ana, "ana"), (ben, "ben")):
            assert signed_on(client, served.address, login).status_code == 303
            assert client.get(served.address).status_code == 200
        listed = served.place.json("sessions", "list")
        assert {one["agent"] for one in listed["sessions"]} == {"ag-1", "ag-2"}
        assert ana.cookies["quisait_session"] not in str(listed)
        audited = [one["reading"] for one in served.place.json("audit")["readings"]]
        assert "quisait sessions list" in audited
        told = served.place.run("sessions", "revoke", "ag-1").stdout
        assert told == "1 session fermée, 0 jeton personnel retiré.\n"
        assert ana.get(served.address).status_code == 303
        assert ben.get(served.address).status_code == 200
        assert "--all" in served.place.run("sessions", "revoke", status=1).stderr
        served.place.run("sessions", "revoke", "--all")
        assert ben.get(served.address).status_code == 303


def access_token(issuer: str, login: str, client_id: str, back: str) -> str:
    """Return the access token that the provider gives an application for a person."""
    own = OAuth2Session(
        client_id, CLIENT_SECRET, token_endpoint_auth_method="client_secret_post",
        redirect_uri=back, scope="openid uid", code_challenge_method="S256",
    )  # fmt: skip
    verifier = "v" * 43
    begun, _ = own.create_authorization_url(f"{issuer}/auth", code_verifier=verifier)
    with browsing() as client:
        answer = at_provider(client, begun, login)
    return str(own.fetch_token(f"{issuer}/token", authorization_response=answer,
                               code_verifier=verifier)["access_token"])  # fmt: skip


def test_an_application_searches_for_its_agent(served: Served) -> None:
    """With the token that the provider gave it; a token for quisait itself is another's."""
    ours, theirs = (
        {**DOCUMENT, "id": name, "title": "Le mot ourdissoir", "users": [sub], "groups": []}
        for name, sub in (("a", "ana"), ("b", "ben"))
    )
    path = f"{served.address}/api/v1.0/documents"
    headers = {"Authorization": f"Bearer {served.pushing}"}
    sent = httpx.post(f"{path}/index/", json=[ours, theirs], headers=headers, trust_env=False)
    assert sent.status_code == 201, sent.text

    def found(login: str, client_id: str = APPLICATION_ID, back: str = APPLICATION_ADDRESS) -> Any:
        token = access_token(served.issuer, login, client_id, back)
        body = {"q": "ourdissoir", "services": ["docs"], "visited": ["b"]}
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.post(f"{path}/search/", json=body, headers=headers, trust_env=False)

    wait_until(lambda: len(found("ana").json()) > 0)
    assert [(one["_index"], one["_id"]) for one in found("ana").json()] == [("docs", "a")]
    attached = b64encode(b"Le mot ourdissoir est dans le fichier.").decode()
    page = {
        "type": "page", "id": "c", "title": "Le mot ourdissoir", "version": 1,
        "attachments": [{"name": "ourdissoir.txt", "base64": attached}],
        "readers": {"allowed": ["docs:account:ana"]},
    }  # fmt: skip
    own = f"{served.address}/api/v1/push/docs"
    assert httpx.post(own, json=page, headers=headers, trust_env=False).status_code == 200
    wait_until(lambda: len(found("ana").json()) > 1)
    # A document and its file are one, by the only id that the application knows.
    assert sorted(one["_id"] for one in found("ana").json()) == ["a", "c"]
    assert found("ben").status_code == 403
    assert found("ana", CLIENT_ID, f"{served.address}/sign-on/callback").status_code == 401


def test_who_leaves_is_nobody_at_the_next_request(served: Served) -> None:
    """Session and personal token alike, from the directory's next reading on."""
    own = {"Origin": served.address}
    with browsing() as ben:
        signed_on(ben, served.address, "ben")
        made = ben.post(
            f"{served.address}/access/tokens", data={"label": "a", "days": "2"}, headers=own
        ).text
        token = made.partition('id="jeton-fait">')[2].partition("<")[0]
        asked, bearer = f"{served.address}/api/v1/search", {"Authorization": f"Bearer {token}"}
        assert httpx.get(asked, headers=bearer, trust_env=False).status_code == 200
        directory = served.place.folder / "agents.csv"
        directory.write_text(OWN_AGENTS.replace("974,,", "974,2020-01-01,"), "utf-8")
        try:
            served.place.run("crawl", "notes")
            assert httpx.get(asked, headers=bearer, trust_env=False).status_code == 401
            assert ben.get(served.address).status_code == 303
            assert signed_on(ben, served.address, "ben").status_code == 403
        finally:
            directory.write_text(OWN_AGENTS, "utf-8")
            served.place.run("crawl", "notes")


def test_journals_hold_no_name(served: Served) -> None:
    """Neither who signed on, nor what makes it possible."""
    with browsing() as client:
        signed_on(client, served.address, "ana", back="/?q=zanzibar")
    journal = served.run.journal.read_text("utf-8")
    assert "signed on" in journal
    for secret in (CLIENT_SECRET, "ag-1", "zanzibar", "finances.example"):
        assert secret not in journal
