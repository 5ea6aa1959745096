"""Mail to agents through a real SMTP server: its recipients, its text, and when none is sent."""

import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from quisait_mail.sending import SendReport, check_server, send_queue
from quisait_mail.storage import (
    ANSWERED_PER_WEEK,
    MOST_ATTEMPTS,
    RECENT,
    Mailing,
    SqlMail,
    doubt_restored_mail,
)
from quisait_mail.values import NO_MAIL, DigestPace, MailKind, MailPreferences, MailState

from connectors.values import EVERYONE
from indexer.values import Put, PutAccess
from quisait.privacy.replay import replay
from search_api.communities.service import unread_invitations
from search_api.context import required
from tests.builders import allowed, indexed, make_document
from tests.pages.asking_site import (
    AGENTS,
    ANIMATOR,
    ASKER,
    BEHIND,
    FARAWAY,
    HERE,
    MAPPER,
    NEIGHBOUR,
    SITE,
    STRANGER,
    AskingSite,
    asking_site,
)
from tests.sent_mails import choose, part, received, send, settings_for, store_of
from tests.smtp_server import SmtpServer

pytestmark = [pytest.mark.pages, pytest.mark.trust]

SECRET = "Zanzibar"
OWN = {"scope": "entity", "scope_id": HERE}


@pytest.fixture(autouse=True)
def nothing_sent(post: SmtpServer) -> None:
    post.handler.accepted.clear()
    post.handler.refusals.clear()


def silence_experts(site: AskingSite) -> None:
    for agent in (MAPPER, NEIGHBOUR, FARAWAY):
        choose(site, agent)


def states(site: AskingSite) -> dict[str, int]:
    return {state.value: n for state, n in store_of(site).counts().states.items()}


def write(site: AskingSite, id_: str, title: str, principal: str = EVERYONE) -> None:
    document = make_document(
        f"wiki:{id_}", title=title, access=allowed(principal), modified=site.clock.now
    )
    assert not site.index.write([Put(indexed(document, f"{title}."))]).failed


def test_a_community_invites_by_mail(tmp_path: Path, post: SmtpServer) -> None:
    """Once, and only who waits to be told and wants it; the days of notice begin on the page."""
    with asking_site(tmp_path, apart=True) as site:
        form = {"verdict": "accept"}
        accepted = site.client(ANIMATOR).post("/animation/communities/cadastre", data=form)
        assert accepted.status_code == 303
        choose(site, NEIGHBOUR, asked=True)
        assert site.client(FARAWAY).get("/").status_code == 200  # reads it on the home page

        def invite() -> list[tuple[str, str]]:
            post.handler.accepted.clear()
            store_of(site).queue_invitations(unread_invitations(site.services, RECENT.days))
            send_queue(site.services, settings_for(post), Event())
            return received(post)

        told = dict(invite())
        assert set(told) == {f"{MAPPER}@agents.test", f"{BEHIND}@agents.test"}
        own = told[f"{MAPPER}@agents.test"]
        assert f"{SITE}/communities/cadastre" in own
        consent = site.services.consent
        assert consent is not None
        assert not [one for one in consent.of(MAPPER) if one.preference.kind == "invited"]
        assert invite() == []
        link = re.search(rf"{SITE}(/courriels/[^\s>\"]+)", own)
        assert link is not None
        assert site.client("").post(link[1]).status_code == 200
        assert store_of(site).preferences(MAPPER) == MailPreferences(invited=False)
        site.clock.now += timedelta(days=40)
        store_of(site).tidy()
        assert [to for to, _ in invite()] == [f"{BEHIND}@agents.test"]
        assert list(unread_invitations(site.services, -1)) == []


def test_who_is_asked_is_told_once(site: AskingSite, post: SmtpServer) -> None:
    """Unless they chose not to be; text and HTML, nothing from elsewhere, a link to end it."""
    choose(site, NEIGHBOUR, answered=True)
    question = site.ask(title="Où est <la> limite & le plan ?")
    site.ask(title="À un autre", to=NEIGHBOUR)
    assert send(site, post) == SendReport(1, 1, 0)
    assert send(site, post) == SendReport()
    (message,) = post.handler.accepted
    assert message["To"] == "ag-1@agents.test"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert re.fullmatch(rf"<{SITE}/courriels/[\w.-]+>", str(message["List-Unsubscribe"]))
    assert re.fullmatch(r"<[0-9a-f]{32}@qui-sait\.test>", str(message["Message-ID"]))
    assert f"- Où est <la> limite & le plan ?\n  {SITE}/questions/{question}" in part(
        message, "plain"
    )
    html = part(message, "html")
    assert "Où est &lt;la&gt; limite &amp; le plan ?" in html
    assert re.findall(r"(?:src|background)=|<img|<script|<link|url\(", html) == []
    assert set(re.findall(r'href="(https?://[^/"]+)', html)) == {SITE}


def test_an_asker_is_told_of_an_answer(site: AskingSite, post: SmtpServer) -> None:
    """Of another's, from a choice on; the answer itself stands on the page alone."""
    question = site.ask()
    choose(site, MAPPER)
    assert site.act(MAPPER, question, "answer", text="Avant.") == 204
    choose(site, ASKER, answered=True)
    assert site.act(MAPPER, question, "answer", text=f"Par {SECRET}.") == 204
    assert site.act(ASKER, question, "answer", text="Je complète.") == 204
    assert send(site, post).sent == 1
    ((to, text),) = received(post)
    assert to == "ag-5@agents.test"
    assert question in text
    assert SECRET not in text


def test_an_asker_is_told_once_a_day_of_one_question(site: AskingSite, post: SmtpServer) -> None:
    """However often it is answered; of another one they are told beside it."""
    silence_experts(site)
    question, other = site.ask(), site.ask(title="Où est le plan ?")
    for number in range(3):
        assert site.act(STRANGER, question, "answer", text=f"Réponse {number}.") == 204
    assert send(site, post).sent == 1
    assert site.act(NEIGHBOUR, question, "answer", text="Une de plus.") == 204
    assert site.act(STRANGER, other, "answer", text="Au mur.") == 204
    assert send(site, post).sent == 1
    assert other in received(post)[-1][1]
    site.clock.now += timedelta(days=1)
    assert send(site, post).sent == 1
    assert question in received(post)[-1][1]


def test_an_asker_is_told_so_many_times_a_week(site: AskingSite, post: SmtpServer) -> None:
    """By default too; the others wait for their turn, and what the asker has read is not told."""
    silence_experts(site)
    asked = []
    for number in range(ANSWERED_PER_WEEK + 3):
        site.clock.now += timedelta(hours=5)
        asked.append(site.ask(title=f"Question {number} ?"))
    for question in asked[3:]:
        assert site.act(STRANGER, question, "answer", text="Oui.") == 204
    assert send(site, post).sent == ANSWERED_PER_WEEK
    site.clock.now += timedelta(days=6)
    for question in asked[:3]:
        assert site.act(STRANGER, question, "answer", text="Oui.") == 204
    assert send(site, post) == SendReport()
    read = site.read(ASKER, asked[0])["answers"][0]["id"]
    assert site.act(ASKER, asked[0], "thank", answer=read) == 204
    site.clock.now += timedelta(days=1)
    assert send(site, post).sent == 2
    assert {to for to, _ in received(post)} == {"ag-5@agents.test"}


def test_no_restricted_title_unless_the_entity_allows_it(
    site: AskingSite, post: SmtpServer
) -> None:
    choose(site, MAPPER, asked=True)
    site.ask(title=f"Le cadastre de {SECRET} ?", **OWN)
    assert send(site, post).sent == 1
    assert SECRET not in received(post)[0][1]
    mail = required(site.services.part(Mailing))
    rules = replace(mail.rules, titled_entities=frozenset({"Finances"}))
    allowing = site.services.with_parts(replace(mail, rules=rules))
    site.ask(ANIMATOR, f"Le cadastre de {SECRET}, encore ?", to=MAPPER, **OWN)
    queued = store_of(site).queue_due()
    assert send_queue(allowing, settings_for(post), Event(), queued).sent == 1
    assert f"Le cadastre de {SECRET}, encore ?" in received(post)[1][1]


def test_a_digest_holds_to_the_rights_of_its_sending(site: AskingSite, post: SmtpServer) -> None:
    """A title is of what all may read; what is closed since is neither named nor counted."""
    for agent in (MAPPER, STRANGER):
        body = {"action": "follow", "kind": "search", "subject": "/?q=carrousel"}
        assert site.client(agent).post("/api/v1/follows", json=body).status_code == 204
        choose(site, agent, digest="daily")
    site.clock.now += timedelta(hours=2)
    write(site, "ouvert", "Le carrousel ouvert")
    write(site, "ferme", f"Le carrousel de {SECRET}")
    assert send(site, post) == SendReport()
    site.clock.now += timedelta(days=1)
    assert store_of(site).queue_due() == 2
    site.index.write([PutAccess("wiki:ferme", allowed(f"agent:{MAPPER}"))])
    assert send_queue(site.services, settings_for(post), Event()).sent == 2
    told = dict(received(post))
    assert SECRET not in "".join(told.values())
    assert "Le carrousel ouvert" in told["ag-6@agents.test"]
    assert "1 nouveauté " in told["ag-6@agents.test"]
    assert "2 nouveautés " in told["ag-1@agents.test"]
    assert "Une recherche enregistrée le " in told["ag-1@agents.test"]
    assert "« carrousel »" not in "".join(told.values()), "a question stays where it was asked"
    site.clock.now += timedelta(days=1)
    assert send(site, post).sent == 0
    assert states(site) == {"sent": 2, "dropped": 2}
    kept = site.client(MAPPER).get("/api/v1/me/export").json()["mail"]["kept"]
    assert [(one["kind"], one["state"]) for one in kept] == [
        ("digest", "dropped"),
        ("digest", "sent"),
    ]
    assert "2 messages gardés" in site.client(MAPPER).get("/mes-donnees").text


def test_a_digest_goes_by_its_pace(site: AskingSite, post: SmtpServer) -> None:
    body = {"action": "follow", "kind": "search", "subject": "/?q=carrousel"}
    for agent, pace in ((MAPPER, "weekly"), (STRANGER, "daily"), (NEIGHBOUR, "off")):
        assert site.client(agent).post("/api/v1/follows", json=body).status_code == 204
        choose(site, agent, digest=pace)
    found = []
    for number in range(8):
        site.clock.now += timedelta(hours=1)
        write(site, f"n{number}", f"Carrousel numéro {number}")
        site.clock.now += timedelta(hours=23, minutes=1)
        found.append(send(site, post).sent)
    assert found == [1, 1, 1, 1, 1, 1, 2, 1]
    last = [text for to, text in received(post) if to == "ag-6@agents.test"][-1]
    assert "Carrousel numéro 7" in last
    assert "Carrousel numéro 6" not in last


@pytest.mark.parametrize("why", ["withdrawn", "departed", "moved", "deleted", "ended", "declined"])
def test_what_changed_since_it_was_queued_sends_nothing(
    site: AskingSite, post: SmtpServer, why: str
) -> None:
    question = site.ask(title=f"Le cadastre de {SECRET} ?", **OWN)
    assert store_of(site).queue_due() == 1
    if why == "withdrawn":
        wish = {"kind": "withdraw", "subject": ""}
        assert site.client(MAPPER).post("/api/v1/me/wishes", json=wish).status_code == 200
    elif why == "departed":
        replace_agent(site, departure=site.services.today() - timedelta(days=1))
    elif why == "moved":
        replace_agent(site, entity="Ailleurs")
    elif why == "deleted":
        assert site.act(ASKER, question, "delete") == 204
    elif why == "ended":
        choose(site, MAPPER)
    else:
        assert site.act(MAPPER, question, "decline") == 204
    assert send(site, post) == SendReport()
    assert (post.handler.accepted, states(site)) == ([], {"dropped": 1})


def replace_agent(site: AskingSite, **fields: Any) -> None:
    class Changed:
        def entries(self) -> Iterator[Any]:
            for one in AGENTS:
                yield replace(one, **fields) if one.id == MAPPER else one

    site.services.people.replace(Changed())


def test_one_click_ends_a_kind_without_a_login(site: AskingSite, post: SmtpServer) -> None:
    """By POST alone, only of its agent and its kind; a forged link ends nothing."""
    choose(site, MAPPER, asked=True, digest="weekly")
    choose(site, NEIGHBOUR, asked=True)
    site.ask()
    assert send(site, post).sent == 1
    link = str(post.handler.accepted[0]["List-Unsubscribe"]).strip("<>").removeprefix(SITE)
    nobody = site.client("")
    store = store_of(site)
    before = store.preferences(MAPPER)
    page = nobody.get(link)
    assert (page.status_code, store.preferences(MAPPER)) == (200, before)
    assert 'method="post"' in page.text
    forged = [link[:-2] + ("AA" if link[-2:] != "AA" else "BB"), link + "x", "/courriels/x"]
    answers = {(a.status_code, a.text) for a in (nobody.post(one) for one in forged)}
    assert [status for status, _ in answers] == [404]
    one_click = {"List-Unsubscribe": "One-Click"}
    assert nobody.post(link, data=one_click).status_code == 200
    assert nobody.post(link, data=one_click).status_code == 200
    assert store.preferences(MAPPER) == replace(NO_MAIL, digest=DigestPace.WEEKLY)
    assert store.preferences(NEIGHBOUR).asked
    site.ask(STRANGER, "Encore une ?", to=MAPPER)
    assert send(site, post) == SendReport()


def test_a_token_of_a_link_opens_nothing_else(site: AskingSite) -> None:
    """Nor is a link of another key one of here."""
    from quisait_mail.links import UnsubscribeLinks

    other = UnsubscribeLinks(b"o" * 32).make(MAPPER, MailKind.ASKED)
    head = urlsafe_b64encode(b'{"alg": "HS256", "crit": 1}').decode().rstrip("=")
    for link in (other, f"{head}.e30.AAAA", "é.e30.AAAA", "a"):
        assert site.client("").post(f"/courriels/{link}").status_code == 404


def test_a_refused_address_is_noted_and_left_alone(site: AskingSite, post: SmtpServer) -> None:
    """Until its agent says again what they want."""
    post.handler.refusals["ag-1@agents.test"] = ("rcpt", "550 5.1.1 no such user")
    site.ask()
    assert send(site, post) == SendReport(1, 0, 1)
    page = site.client(MAPPER).get("/preferences").text
    assert "Votre adresse ag-1@agents.test a été refusée" in page
    assert store_of(site).counts().refused_addresses == 1
    post.handler.refusals.clear()
    site.ask(STRANGER, "Encore une ?", to=MAPPER)
    assert send(site, post) == SendReport(1)
    choose(site, MAPPER, asked=True)
    assert 'class="note warn"' not in site.client(MAPPER).get("/preferences").text


def test_a_refusal_for_now_is_tried_again_later_and_not_for_ever(
    site: AskingSite, post: SmtpServer
) -> None:
    choose(site, MAPPER, asked=True)
    post.handler.refusals["ag-1@agents.test"] = ("data", "452 4.2.2 full")
    site.ask()
    assert send(site, post) == SendReport(1)
    assert send(site, post) == SendReport()
    assert states(site) == {"waiting": 1}
    for _ in range(MOST_ATTEMPTS):
        site.clock.now += timedelta(hours=12)
        send(site, post)
    assert states(site) == {"failed": 1}
    post.handler.refusals.clear()
    assert send(site, post) == SendReport()
    assert post.handler.accepted == []


def test_a_refused_message_says_nothing_of_the_address(site: AskingSite, post: SmtpServer) -> None:
    choose(site, MAPPER, asked=True)
    post.handler.refusals["ag-1@agents.test"] = ("data", "554 5.7.1 no")
    site.ask()
    assert send(site, post).refused == 1
    assert store_of(site).counts().refused_addresses == 0


def test_so_many_a_minute_at_most(site: AskingSite, post: SmtpServer) -> None:
    choose(site, MAPPER, asked=True)
    choose(site, NEIGHBOUR, asked=True)
    for number, agent in enumerate((MAPPER, NEIGHBOUR)):
        site.ask(title=f"Question {number} ?", to=agent)
    assert send(site, post, per_minute=1).sent == 1
    assert send(site, post, per_minute=1).sent == 0
    site.clock.now += timedelta(minutes=2)
    assert send(site, post, per_minute=1).sent == 1


def test_a_server_that_is_away_or_unknown_sends_nothing_and_loses_nothing(
    site: AskingSite, post: SmtpServer, tmp_path: Path
) -> None:
    """Another authority's certificate, a wrong password, no server: what waits goes on waiting."""
    choose(site, MAPPER, asked=True)
    site.ask()
    other = str(post.ca_file.parent / "other.pem")
    for wrong, said in (
        ({"ca_file": other}, "certificat"),
        ({"password": "faux"}, "refuse le compte"),
        ({"port": 9}, "ne répond pas"),
    ):
        with pytest.raises(ValueError, match=said):
            send(site, post, **wrong)
        with pytest.raises(ValueError, match=said):
            check_server(settings_for(post, **wrong))
    assert states(site) == {"waiting": 1}
    assert check_server(settings_for(post)) == "127.0.0.1 répond, en TLS"
    assert send(site, post).sent == 1


def test_what_a_restored_queue_holds_is_not_sent_by_itself(
    site: AskingSite, post: SmtpServer
) -> None:
    """It may have been sent since; and who ended a kind since goes on without."""
    choose(site, MAPPER, asked=True)
    site.ask()
    assert store_of(site).queue_due() == 1
    doubt_restored_mail(site.engine)
    assert send(site, post) == SendReport()
    assert store_of(site).counts().of(MailState.DOUBTFUL) == 1
    assert store_of(site).send_doubtful_again() == 1
    assert send(site, post).sent == 1
    choose(site, MAPPER)
    lines = list(site.register.lines())
    SqlMail(site.engine, site.clock, "").choose(MAPPER, MailPreferences(asked=True))
    assert site.services.consent is not None
    replay(lines, site.engine, site.services.consent, site.index, b"key")
    assert store_of(site).preferences(MAPPER) == NO_MAIL


def test_ended_mail_is_erased_in_time(site: AskingSite, post: SmtpServer) -> None:
    choose(site, MAPPER, asked=True)
    site.ask()
    assert send(site, post).sent == 1
    assert store_of(site).tidy() == 0
    site.clock.now += timedelta(days=31)
    assert store_of(site).tidy() == 1
    assert send(site, post) == SendReport()


def test_an_administration_without_it_has_no_trace_of_mail(site: AskingSite) -> None:
    """Without the package, no page, preference or export of own data mentions mail."""
    parts = tuple(one for one in site.services.parts if not isinstance(one, Mailing))
    bare = replace(site, services=replace(site.services, parts=parts, features=()))
    asker, question = bare.client(ASKER), bare.ask()
    for path in ("/preferences", "/mes-donnees", f"/questions/{question}", "/api/v1/me"):
        text = asker.get(path).text
        assert "par courriel" not in text
        assert "un courriel vous" not in text
        assert "refused" not in text
    assert asker.post("/api/v1/mail/preferences", json={}).status_code == 404
    assert asker.get("/api/v1/openapi.json").text.count("OwnMailBody") == 0
    saved = asker.post("/preferences", data={"receives": "true", "asked": "true"})
    assert saved.status_code == 303
