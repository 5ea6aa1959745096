"""Signing on at a real provider, in a real browser, and off again."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect

from tests.oidc_provider import ProviderPlan, running_provider
from tests.pages.administration import SECRET
from tests.pages.conftest import Parts, served
from tests.pages.signing_on import (
    ABSOLUTE_S,
    ACCOUNTS,
    IDLE_S,
    SigningOn,
    at_provider,
    begun,
    browsing,
    signed_on,
    signing_on_app,
    signing_on_site,
)
from tests.service.running import free_port

pytestmark = [pytest.mark.pages, pytest.mark.trust]


@dataclass(frozen=True, slots=True)
class Site:
    """The application at its address, its provider, and what both are made of."""

    address: str
    plan: ProviderPlan
    made: SigningOn


@pytest.fixture(scope="module")
def site(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with signing_on_site(parts, tmp_path_factory.mktemp("sign-on")) as made:
        yield Site(*made)


@pytest.fixture
def browser(site: Site) -> Iterator[httpx.Client]:
    """A browser that nobody used yet."""
    with browsing() as client:
        yield client
    site.made.clock.ahead_s = 0


def sign_on_in(page: Page, login: str) -> None:
    """The provider's own pages: who one is, then what it may say."""
    page.get_by_placeholder("Enter any login").fill(login)
    page.get_by_placeholder("and password").fill("au choix")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()


def test_a_journey(chromium: Browser, site: Site) -> None:
    """From a wanted page to the provider and back to it, a search, «Mes accès», off again."""
    with chromium.new_context(base_url=site.address, locale="fr-FR") as context:
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto("/?q=bordereau&page=2")
        assert page.url.startswith(site.plan.issuer)
        sign_on_in(page, "claire")
        expect(page.get_by_label("Votre question")).to_have_value("bordereau")
        assert page.url == f"{site.address}/?q=bordereau&page=2"
        page.get_by_label("Votre question").fill("dégrèvement incendie")
        page.get_by_role("button", name="Chercher", exact=True).click()
        expect(page.get_by_role("article").first).to_contain_text("Dégrèvement de taxe foncière")
        page.get_by_role("link", name="Mes accès").click()
        expect(page.get_by_role("cell", name="celle-ci")).to_be_visible()
        stolen = {one["name"]: one["value"] for one in context.cookies(site.address)}
        assert httpx.get(site.address, cookies=stolen, trust_env=False).status_code == 200
        page.get_by_role("button", name="Se déconnecter").click()
        page.get_by_role("button", name="Yes, sign me out").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Vous êtes déconnecté")
        assert page.url.startswith(f"{site.address}/signed-out")
        assert httpx.get(site.address, cookies=stolen, trust_env=False).status_code == 303
        page.goto("/")
        expect(page.get_by_placeholder("Enter any login")).to_be_visible()


def test_the_session_is_new_and_out_of_scripts_reach(browser: httpx.Client, site: Site) -> None:
    """Fixation: an id that the browser brought is never taken, nor kept beside the new one."""
    planted = "choisi-par-quelqu-un-d-autre-et-assez-long-pour-compter"
    browser.cookies.set("quisait_session", planted, domain="127.0.0.1")
    response = signed_on(browser, site.address, "claire")
    (cookie,) = [
        one for one in response.headers.get_list("set-cookie") if one.startswith("quisait_session")
    ]
    assert planted not in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    assert "Max-Age" not in cookie
    first = cookie.partition("=")[2].partition(";")[0]
    assert len(first) >= 43
    with browsing() as fixed:
        fixed.cookies.set("quisait_session", planted, domain="127.0.0.1")
        assert fixed.get(site.address).status_code == 303
    assert first not in str(site.made.sign_on.sessions.of())


def test_signing_on_again_ends_the_former_session(browser: httpx.Client, site: Site) -> None:
    """A browser has one session: the id changes whenever somebody signs on."""
    signed_on(browser, site.address, "claire")
    before = browser.cookies["quisait_session"]
    site.made.clock.ahead_s = IDLE_S + 1
    signed_on(browser, site.address, "claire")
    assert browser.cookies["quisait_session"] != before
    assert browser.get(site.address).status_code == 200
    with browsing() as thief:
        thief.cookies.set("quisait_session", before, domain="127.0.0.1")
        assert thief.get(site.address).status_code == 303


def test_an_answer_of_the_real_provider_serves_once(browser: httpx.Client, site: Site) -> None:
    """The code that served is refused by the provider too, were our own check not there."""
    there = at_provider(browser, begun(browser, site.address), "claire")
    kept = {one.name: one.value or "" for one in browser.cookies.jar if "quisait" in one.name}
    assert browser.get(there).status_code == 303
    assert browser.get(there).status_code == 403
    with browsing() as again:
        again.cookies.update(kept)
        assert again.get(there).status_code == 403


def test_each_reads_with_their_own_rights(site: Site) -> None:
    """Who signs on is who reads."""
    for login, seen in (("claire", False), ("iris", True)):
        with browsing() as client:
            signed_on(client, site.address, login)
            assert (SECRET in client.get(f"{site.address}/?q=enquête").text) == seen


@pytest.mark.parametrize(
    ("login", "sentence"),
    [
        ("paul", "aucun agent en poste"),
        ("inconnue", "aucun agent en poste"),
        ("ailleurs", "n’accueille pas les agents"),
    ],
)
def test_who_is_no_agent(browser: httpx.Client, site: Site, login: str, sentence: str) -> None:
    """They are told whom to ask, and nobody is guessed; no loop leads back to the provider."""
    response = signed_on(browser, site.address, login)
    assert response.status_code == 403
    assert sentence in response.text
    assert "adressez-vous à l’assistance informatique (poste 4000)" in response.text
    assert "quisait_session" not in browser.cookies


def test_idle_and_absolute_limits(browser: httpx.Client, site: Site) -> None:
    """A session that is used lives on, and ends all the same at its absolute limit."""
    signed_on(browser, site.address, "claire")
    for ahead_s in range(0, ABSOLUTE_S, IDLE_S - 60):
        site.made.clock.ahead_s = ahead_s
        assert browser.get(site.address).status_code == 200
    site.made.clock.ahead_s = ABSOLUTE_S
    assert browser.get(site.address).status_code == 303
    site.made.clock.ahead_s = 0
    browser.cookies.clear()
    signed_on(browser, site.address, "claire")
    site.made.clock.ahead_s = IDLE_S + 1
    assert browser.get(site.address).status_code == 303


def test_without_a_session(browser: httpx.Client, site: Site) -> None:
    """A page leads to sign-on and keeps where one wanted to go; the API says a problem 401."""
    page = browser.get(f"{site.address}/experts?q=a&area=22")
    assert page.headers["location"] == "/sign-on?back=%2Fexperts%3Fq%3Da%26area%3D22"
    for path in ("/api/v1/search?q=a", "/api/v1/suggest?q=a"):
        answer = browser.get(site.address + path)
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
    wrong = {"Authorization": "Bearer qsp_inconnu"}
    assert browser.get(f"{site.address}/", headers=wrong).status_code == 401
    assert browser.get(f"{site.address}/signed-out").status_code == 200


def test_a_wrong_token_never_falls_back_on_a_session(browser: httpx.Client, site: Site) -> None:
    """Whoever presents a token asks in its name, or in nobody's."""
    signed_on(browser, site.address, "iris")
    for token in ("qsp_inconnu", "a.b.c", "x"):
        wrong = {"Authorization": f"Bearer {token}"}
        assert browser.get(f"{site.address}/api/v1/search", headers=wrong).status_code == 401


def make_token(browser: httpx.Client, site: Site, **fields: str) -> httpx.Response:
    own = {"Origin": site.address}
    return browser.post(f"{site.address}/access/tokens", data=fields, headers=own)


def test_a_personal_token(chromium: Browser, browser: httpx.Client, site: Site) -> None:
    """Made on the page, shown once, reads with its agent's rights, revoked on the page."""
    with chromium.new_context(base_url=site.address, locale="fr-FR") as context:
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto("/access")
        sign_on_in(page, "iris")
        page.get_by_label("Son nom").fill("Tableur <b>")
        page.get_by_label("Durée").fill("7")
        page.get_by_role("button", name="Faire le jeton").click()
        token = page.locator("#jeton-fait").inner_text()
        assert token.startswith("qsp_")
        own = {"Authorization": f"Bearer {token}"}
        asked = f"{site.address}/api/v1/search?q=enquête"
        assert SECRET in browser.get(asked, headers=own).text
        page.goto("/access")
        row = page.get_by_role("row").filter(has_text="Tableur <b>")
        expect(row).to_be_visible()
        assert token not in page.content()
        assert browser.get(f"{site.address}/access", headers=own).status_code == 403
        assert (
            browser.post(
                f"{site.address}/access/tokens", data={"label": "a", "days": "1"}, headers=own
            ).status_code
            == 403
        )
        site.made.clock.ahead_s = 7 * 86_400
        assert browser.get(asked, headers=own).status_code == 401
        site.made.clock.ahead_s = 0
        row.get_by_role("button", name="Supprimer").click()
        expect(row).to_have_count(0)
        assert browser.get(asked, headers=own).status_code == 401


@pytest.mark.parametrize(
    "fields",
    [
        {"label": "", "days": "3"},
        {"label": " ", "days": "3"},
        {"label": "x" * 81, "days": "3"},
        {"label": "a", "days": "0"},
        {"label": "a", "days": "91"},
        {"label": "a", "days": "-1"},
    ],
    ids=str,
)
def test_a_token_out_of_bounds(browser: httpx.Client, site: Site, fields: dict[str, str]) -> None:
    """A sentence says what is asked; nothing is made."""
    signed_on(browser, site.address, "claire")
    response = make_token(browser, site, **fields)
    assert response.status_code == 400
    assert site.made.sign_on.tokens
    assert not site.made.sign_on.tokens.of("ag-1")
    assert make_token(browser, site, label="a", days="x").status_code == 422


def test_ones_own_sessions_and_nobody_elses(browser: httpx.Client, site: Site) -> None:
    """An agent ends another browser's session, all others, and never another agent's."""
    sessions = site.made.sign_on.sessions
    sessions.revoke_all()
    own = {"Origin": site.address}
    signed_on(browser, site.address, "claire")
    with browsing() as elsewhere, browsing() as iris:
        signed_on(elsewhere, site.address, "claire")
        signed_on(iris, site.address, "iris")
        there = next(one for one in sessions.of("ag-1") if one.short not in _own(browser, site))
        theirs = sessions.of("ag-4")[0]
        ended = f"{site.address}/access/sessions/revoke"
        for short in (theirs.short, "", "%", "_" * 12):
            answer = browser.post(ended, data={"session": short}, headers=own)
            assert answer.status_code == 404
        assert browser.post(ended, data={"session": there.short}, headers=own).status_code == 303
        assert elsewhere.get(site.address).status_code == 303
        signed_on(elsewhere, site.address, "claire")
        assert browser.post(f"{ended}-others", headers=own).status_code == 303
        assert elsewhere.get(site.address).status_code == 303
        assert iris.get(site.address).status_code == 200
        assert browser.get(site.address).status_code == 200


def _own(browser: httpx.Client, site: Site) -> list[str]:
    session = site.made.sign_on.sessions.find(browser.cookies["quisait_session"])
    return [session.short] if session else []


def test_signing_off_elsewhere_ends_the_session_here(site: Site) -> None:
    """At the provider, of which this browser's session here is; another browser's stays."""
    with browsing() as browser, browsing() as elsewhere:
        for one in (browser, elsewhere):
            signed_on(one, site.address, "claire")
            assert one.get(site.address).status_code == 200
        page = browser.get(f"{site.plan.issuer}/session/end").text
        xsrf = re.search(r'name="xsrf" value="([^"]+)"', page)
        assert xsrf, page
        there = f"{site.plan.issuer}/session/end/confirm"
        browser.post(there, data={"xsrf": xsrf[1], "logout": "yes"}, follow_redirects=True)
        deadline = time.monotonic() + 30
        while browser.get(site.address).status_code == 200 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert browser.get(site.address).status_code == 303
        assert elsewhere.get(site.address).status_code == 200


def test_keys_of_the_real_provider_rotate(site: Site, parts: Parts, database: sa.Engine) -> None:
    """The provider comes back with another key: who signs on next is believed."""
    port, provider_port = free_port(), free_port()
    address = f"http://127.0.0.1:{port}"
    plans = [ProviderPlan(provider_port, address, ACCOUNTS) for _ in range(2)]
    made = signing_on_app(parts, database, address, plans[0].issuer, skew_s=120)
    with served(made.app, port):
        for ahead_s, plan in zip((0, 61), plans, strict=True):
            made.clock.ahead_s = ahead_s
            with running_provider(plan), browsing() as client:
                assert signed_on(client, address, "claire").status_code == 303
