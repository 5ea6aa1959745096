"""Every page in every state, on real servers: what the tests of all pages walk through."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import sqlalchemy as sa
from fastapi import FastAPI, Request
from playwright.sync_api import BrowserContext, Page

from expertise.build import BuildRules, build_expertise
from expertise.builds import SqlBuilds
from expertise.consent import SqlConsent
from expertise.current_build import BuildReader
from expertise.topics import Topic, TopicKind, TopicList
from indexer.access import Reader
from indexer.opensearch.client import connect
from indexer.opensearch.index import OpenSearchIndex
from quisait.application.database import migrate
from quisait.clock import now
from search_api.app import create_app
from search_api.audit.sql import SqlAudit
from search_api.engine import Search
from search_api.favourites.storage import SqlFavourites
from search_api.identity.principals import Grant, Grants, Role
from search_api.identity.tokens import DemoReaders
from tests.pages.administration import ENCODER, TODAY
from tests.pages.conftest import Parts, served
from tests.pages.signing_on import signing_on_app
from tests.service.running import free_port

TOPICS = (
    Topic("foncier", "taxe foncière", ("dégrèvement", "impôts fonciers")),
    Topic("regies", "régies", ("caisses",), ("foncier",)),
    Topic("bordereaux", "bordereaux", ("bordereau de versement",)),
    Topic("m-geometre", "géomètre du cadastre", kind=TopicKind.METIER),
)
GRANTS = Grants(
    (
        Grant(Role.ADMINISTRATOR, agents=frozenset({"ag-5"})),
        Grant(Role.OFFICER, agents=frozenset({"ag-5"})),
        Grant(Role.ANIMATOR, agents=frozenset({"ag-5"}), topics=frozenset({"*"})),
    )
)
WAITS_S = 1.5
"""How long the silent engine is waited for."""


@dataclass(frozen=True, slots=True)
class Sites:
    """Addresses: everything well, one authority silent, no engine, an engine that is silent.

    `bare` has neither topics nor a build; `signed` names nobody who did not say who they are;
    `signing` signs readers on at a provider that is away, and knows `session`.
    """

    whole: str
    partial: str
    lost: str
    slow: str
    bare: str
    signed: str
    signing: str
    session: str


def _nothing(_: Page) -> None:
    pass


def _typing(page: Page) -> None:
    page.get_by_label("Votre question").fill("bord")
    page.locator("#suggestions [role=option]").first.wait_for()
    page.keyboard.press("ArrowDown")


def _unfolding(page: Page) -> None:
    page.evaluate("document.querySelectorAll('main details').forEach(one => { one.open = true })")


def _making_an_address(page: Page) -> None:
    page.get_by_role("button", name="Faire mon adresse secrète").click()
    page.get_by_role("status").filter(has_text="est faite").wait_for()


def _making_a_token(page: Page) -> None:
    page.get_by_label("Son nom").fill("tableur du service")
    page.get_by_role("button", name="Faire le jeton").click()
    page.locator("#jeton-fait").wait_for()


@dataclass(frozen=True, slots=True)
class State:
    """A page in one state: its name, where it is served, its path, how it answers, what is done."""

    name: str
    site: str
    path: str
    status: int = 200
    prepare: Callable[[Page], None] = _nothing

    def address(self, sites: Sites) -> str:
        """The address of the server."""
        found: str = getattr(sites, self.site)
        return found

    def sign_on(self, context: BrowserContext, sites: Sites) -> None:
        """Be somebody with a session, for who may see «Mes accès»."""
        if self.path in ("/access", "/assistants", "/flux"):
            name = "quisait_session"
            context.add_cookies([{"name": name, "value": sites.session, "url": sites.signing}])


STATES = (
    State("accueil", "whole", "/"),
    State("suggestions", "whole", "/", prepare=_typing),
    State("resultats", "whole", "/?q=dégrèvement+incendie"),
    State("resultats-deplies", "whole", "/?q=dégrèvement+incendie", prepare=_unfolding),
    State("document", "whole", "/documents/wiki:degrevement?q=incendie"),
    State("document-inconnu", "whole", "/documents/wiki:jamais", 404),
    State("filtres", "whole", "/?q=bordereau&kind=billet&year=2023"),
    State("deuxieme-page", "whole", "/?q=bordereau&page=2"),
    State("page-vide", "whole", "/?q=bordereau&page=99"),
    State("texte-piege", "whole", "/?q=piégé"),
    State("correction", "whole", "/?q=bordreau"),
    State("compris", "whole", '/?q=bordereau+après:2022+type:billet+"numéro+7"'),
    State("documents-d-une-personne", "whole", "/?q=auteur:youssef+bordereau&page=2"),
    State("question-longue", "whole", f"/?q={'mot+' * 300}"),
    State("sans-resultat", "whole", "/?q=%22taxe+sur+les+xylophones%22"),
    State("sans-resultat-filtres", "whole", "/?q=%22xylophone%22&kind=fiche"),
    State("partiel", "partial", "/?q=incendie"),
    State("moteur-perdu", "lost", "/?q=incendie", 503),
    State("collegues", "whole", "/experts"),
    State("collegues-trouves", "whole", "/experts?q=incendie"),
    State("collegues-partiel", "partial", "/experts?q=incendie"),
    State("collegues-personne", "whole", "/experts?q=incendie&area=48"),
    State("collegues-moteur-perdu", "lost", "/experts?q=incendie", 503),
    State("sujets", "whole", "/coverage"),
    State("sujets-territoire", "whole", "/coverage?area=22"),
    State("sujets-absents", "bare", "/coverage"),
    State("sujet", "whole", "/topics/foncier"),
    State("sujet-personne", "whole", "/topics/bordereaux"),
    State("isolement", "whole", "/isolation"),
    State("isolement-vide", "whole", "/isolation?area=48"),
    State("pairs", "whole", "/peers"),
    State("pairs-autre", "whole", "/peers?agent=ag-1"),
    State("agent", "whole", "/agents/ag-1"),
    State("agent-soi", "whole", "/agents/ag-5"),
    State("agent-sans-sujets", "bare", "/agents/ag-2"),
    State("agent-inconnu", "whole", "/agents/personne", 404),
    State("mes-donnees", "whole", "/mes-donnees"),
    State("preferences", "whole", "/preferences"),
    State("preferences-depliees", "whole", "/preferences", prepare=_unfolding),
    State("animation", "whole", "/animation"),
    State("consultations", "whole", "/audit"),
    State("role-refuse", "whole", "/administration", 404),
    State("acces", "signing", "/access"),
    State("acces-jeton-fait", "signing", "/access", prepare=_making_a_token),
    State("assistants", "signing", "/assistants"),
    State("assistants-jeton-fait", "signing", "/assistants", prepare=_making_a_token),
    State("flux", "signing", "/flux"),
    State("flux-adresse-faite", "signing", "/flux", prepare=_making_an_address),
    State("connexion-refusee", "signing", "/sign-on/callback?state=rien", 403),
    State("connexion-en-panne", "signing", "/sign-on?back=/experts", 503),
    State("deconnecte", "signing", "/signed-out"),
    State("accessibilite", "whole", "/accessibilite"),
    State("inconnu", "signed", "/?q=incendie", 401),
    State("nulle-part", "whole", "/nulle-part", 404),
    State("parametre-faux", "whole", "/?page=x", 422),
)


@contextmanager
def every_site(parts: Parts) -> Iterator[Sites]:
    """The servers of all states."""
    builds = SqlBuilds(parts.engine)
    build = build_expertise(parts.index, parts.book, ENCODER, TOPICS, BuildRules(), TODAY)
    builds.publish(build, TopicList(TOPICS))
    overview = BuildReader(builds, parts.index, parts.book, BuildRules())
    demo = DemoReaders(parts.book, "ag-5", lambda: TODAY)
    whole = parts.services(
        reader_of=demo,
        demo=True,
        overview=overview,
        grants=GRANTS,
        audit=SqlAudit(parts.engine, now),
        consent=SqlConsent(parts.engine, now),
        parts=(SqlFavourites(parts.engine, now),),
    )

    def partial(request: Request) -> Reader:
        return replace(demo(request), unanswered=frozenset({"ldap"}))

    with ExitStack() as stack, socket.create_server(("127.0.0.1", 0)) as silent:
        closed = socket.create_server(("127.0.0.1", 0))
        lost_port, silent_port = closed.getsockname()[1], silent.getsockname()[1]
        closed.close()
        apps: dict[str, FastAPI] = {
            "whole": create_app(whole),
            "partial": create_app(replace(whole, reader_of=partial)),
            "lost": create_app(replace(whole, search=_away(parts, lost_port))),
            "slow": create_app(replace(whole, search=_away(parts, silent_port))),
            "bare": create_app(replace(whole, overview=None)),
            "signed": create_app(
                replace(whole, demo=False, reader_of=lambda request: Reader(None, frozenset()))
            ),
        }
        sites = {name: stack.enter_context(served(app)) for name, app in apps.items()}
        sites["signing"], sites["session"] = stack.enter_context(_signing(parts, lost_port))
        yield Sites(**sites)


@contextmanager
def _signing(parts: Parts, lost_port: int) -> Iterator[tuple[str, str]]:
    """Yield the address of an application with sign-on, and the newest of three session ids."""
    beside = Path(parts.engine.url.database or "").with_name("sign-on.sqlite")
    database = migrate(sa.create_engine(f"sqlite:///{beside}"))
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    away = f"http://127.0.0.1:{lost_port}"
    made = signing_on_app(parts, database, address, away)
    for _ in range(2):
        made.sign_on.sessions.begin("ag-5")
    with served(made.app, port):
        yield address, made.sign_on.sessions.begin("ag-5")
    database.dispose()


def _away(parts: Parts, port: int) -> Search:
    """A search whose engine is at a port where nobody answers."""
    client = connect(f"http://127.0.0.1:{port}", timeout_s=WAITS_S)
    index = OpenSearchIndex(client, "away", ENCODER.dimension, back_off_s=0.1)
    return Search(index, ENCODER, parts.book)
