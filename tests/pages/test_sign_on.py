"""Signing on at a real provider, in a real browser, and off again."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect

from tests.oidc_provider import ProviderPlan, running_provider
from tests.pages.conftest import Parts, served
from tests.pages.signing_on import (
    ACCOUNTS,
    SigningOn,
    browsing,
    signing_on_app,
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
    port, provider_port = free_port(), free_port()
    address = f"http://127.0.0.1:{port}"
    plan = ProviderPlan(provider_port, address, ACCOUNTS)
    database = sa.create_engine(f"sqlite:///{tmp_path_factory.mktemp('sign-on') / 'state.sqlite'}")
    made = signing_on_app(parts, database, address, plan.issuer)
    with running_provider(plan), served(made.app, port):
        yield Site(address, plan, made)
    database.dispose()


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
        page.set_default_timeout(15_000)
        page.goto("/?q=bordereau&page=2")
        assert page.url.startswith(site.plan.issuer)
        sign_on_in(page, "claire")
        expect(page.get_by_label("Votre question")).to_have_value("bordereau")
        assert page.url == f"{site.address}/?q=bordereau&page=2"
        page.get_by_label("Votre question").fill("dégrèvement incendie")
        page.get_by_role("button", name="Chercher").click()
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
