"""Calls of what reads an indexed text, a question, a mail or a header, for `test_growth.py`."""

import io
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from quisait_dokuwiki.markup import sections_of as dokuwiki_sections
from quisait_git.history import histories
from quisait_lists.archives import NoArchive, as_sent, split_mbox
from quisait_lists.hyperkitty import without_shown_parts
from quisait_mailbox.documents import EncryptedMail, read_mail
from quisait_mailbox.incoming import read_incoming
from quisait_mailbox.reply_addresses import ReplyAddresses
from quisait_mailbox.text import UnreadableMail, new_text, parse_mail, text_of_html
from quisait_mailbox.threads import head_of
from quisait_matrix.events import without_quotation
from quisait_redmine.documents import own_words
from quisait_redmine.documents import sections_of as redmine_sections
from quisait_sites.pages import (
    NoText,
    NotForSearch,
    html_tree,
    own_sections,
    page_document,
    plain_path,
)
from quisait_sites.sections import readers_by_path
from quisait_sites.wagtail_text import html_of, names_of
from quisait_sites.wordpress_api import plain
from quisait_written_answer.choosing import choosable, read_choice
from quisait_written_answer.values import ModelFailed
from starlette.requests import Request
from starlette.types import Message as AsgiMessage
from starlette.types import Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from connectors.http_host import HttpResponse
from connectors.titles import own_title, readable_title, says_nothing
from connectors.values import Access, Agent, Contribution, ContributorRole, Section
from expertise.directory import SqlDirectory
from expertise.lookup import DocumentWords, look_up
from expertise.places import place_in
from indexer.access import NOBODY, access_filter
from indexer.embedded.index import EmbeddedIndex
from indexer.french.references import references
from indexer.highlighting import highlights, term_spans, terms_found
from indexer.passages import cut, joined, passage_text, sentences
from indexer.values import Passage, Question, ShownPassage
from quisait.application.database import migrate
from search_api.documents.originals import RangeNotSatisfiable, byte_range
from search_api.documents.service import paragraphs, unwrapped
from search_api.identity.tokens import bearer_token
from search_api.markdown import (
    linked_documents,
    marked_with_lists,
    plain_text,
    rendered,
    with_lists,
)
from search_api.middleware.security import HostMiddleware, SameSiteMiddleware
from search_api.plain_text import safe_json, safe_spans
from search_api.query.apostrophes import with_apostrophes
from search_api.query.asking_phrases import subject_of, without_asking
from search_api.query.glossary import GlossaryFile, read_glossary
from search_api.query.parser import QueryParser
from search_api.query.pasted_mail import question_of_mail
from search_api.query.query import ResultOrder, without_quotes
from search_api.query.typed_references import with_references_in_one_way
from search_api.ranking.direct_answer import read_sentences
from search_api.ranking.fusion import FusedHit
from search_api.ranking.preamble import after_colon, after_preamble, is_preamble
from search_api.ranking.results import (
    DocumentAuthor,
    ExcerptPart,
    Result,
    Results,
    excerpt,
    marked_pieces,
)
from search_api.ranking.titles import asked_terms, title_terms
from tests.builders import Listed
from tests.windows import card

TODAY = date(2026, 1, 1)
WANTED = frozenset({"a", "1", "b"})
ADDRESSES = ReplyAddresses(b"k" * 32, "boite@a.example", 30)
HEADERS = (
    "host", "origin", "referer", "sec-fetch-site", "authorization", "cookie", "range", "if-range",
    "forwarded", "x-forwarded-for", "x-forwarded-proto", "accept", "accept-language",
    "content-type", "if-none-match", "user-agent",
)  # fmt: skip


def raw(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def markdown_of_questions(text: str) -> None:
    plain_text(text)
    rendered(text, ())
    with_lists(text)
    linked_documents(text)


def document_page(text: str) -> None:
    joined(cut((Section(text),), "titre"))
    paragraphs(unwrapped(text), WANTED, (0, len(text)))


def marks(text: str) -> None:
    found = highlights(text, WANTED)
    pieces = marked_pieces(text, 0, len(text), found)
    marked_with_lists(pieces)
    marked_with_lists([ExcerptPart(text, marked=True)])
    safe_spans(text, found)
    safe_json(text)
    list(term_spans(text, WANTED))
    list(terms_found(text))
    list(references(text))


def passage_shown(text: str) -> None:
    """A passage of the text, since the excerpt and the check of an answer read no more."""
    passage = cut((Section(text),), "titre")[:1]
    for one in passage:
        found = highlights(one.text, WANTED)
        excerpt(one.text, found)
        passage_text(text[:300], one)
        read_sentences(page_of(one, found), TODAY)
        list(choosable(one.text, 1_600))


def page_of(passage: Passage, found: Sequence[tuple[int, int]]) -> Results:
    own = card("s:1", Contribution("a:1", ContributorRole.AUTHOR))
    author = DocumentAuthor("Claire", ContributorRole.AUTHOR, None, departed=False)
    shown = ShownPassage(passage, 1.0, tuple(found))
    result = Result(own, (author,), (shown,), (None,), FusedHit("s:1", 1.0, 1.0, 1, 1.0, 1))
    whole: dict[str, Any] = {
        "question": Question("a 1 b"), "order": ResultOrder.RELEVANCE, "results": (result,),
        "counts": None, "page": 1, "page_size": 10, "facets": {}, "shortened": False,
        "incomplete": (), "features": (1.0, 1.0, 0.08, 3.0, 1.6, 1.0, 1.0, 0.3),
    }  # fmt: skip
    return Results(**whole)


def preambles(text: str) -> None:
    spans = list(sentences(text))
    is_preamble(text)
    after_preamble(text, spans, ())
    after_colon(text, (0, len(text)), ())


def chosen_sentences(text: str) -> None:
    """What a model wrote, whether or not it is a choice."""
    for ended in (False, True):
        with suppress(ModelFailed):
            read_choice(text, 9, ended=ended)


def wording_of_questions(text: str) -> None:
    question_of_mail(text)
    subject_of(text)
    without_asking(text)
    with_apostrophes(text)
    with_references_in_one_way(text)
    without_quotes(text)
    glossary = read_glossary(["a;article 1"]).content
    glossary.definitions(text)
    glossary.expansions(text)
    asked_terms(text)
    title_terms.__wrapped__(text)


def places(text: str) -> None:
    for question in (text, f"{text} à Brest", f"Brest {text}"):
        place_in.__wrapped__(question)  # without the answers that it keeps


@cache
def directory() -> SqlDirectory:
    book = SqlDirectory(migrate(sa.create_engine("sqlite://", poolclass=sa.StaticPool)))
    book.replace(Listed(Agent("1", "Ana", "Aa", "agent de SIP", "DGFiP/SIP A", "Brest", "29")))
    return book


def people(text: str) -> None:
    for question in (text, f"Ana {text}", f"{text} Brest"):
        look_up(directory(), question, TODAY, words=DocumentWords(lambda words: words))


@cache
def parser(folder: Path) -> QueryParser:
    return QueryParser(EmbeddedIndex(folder / "index", 16), lambda _words: (), GlossaryFile())


def typed_query(folder: Path, text: str) -> None:
    for typed in (text, f"source:{text}", f"auteur:{text}"):
        parser(folder).read(typed, access_filter(NOBODY))


def incoming_mail(text: str) -> None:
    line = " ".join(text.splitlines())
    fields = ("From", "To", "Subject", "Authentication-Results", "References", "Date", "Precedence")
    mails = [f"From: a@b.example\n\n{text}", *(f"{name}: {line}\n\na" for name in fields)]
    mails.append(f"From: a@b.example\nSubject: Fwd: a\nContent-Type: text/html\n\n{text}")
    mails.append(f"Authentication-Results: m; dmarc=pass {line}\n\na")
    for written in mails:
        with suppress(UnreadableMail, EncryptedMail):
            message = parse_mail(raw(written))
            new_text(message)
            read_mail(head_of("1", message, None), message)
            read_incoming(raw(written), ADDRESSES, trusted_server="m")
            without_shown_parts(raw(written))
    text_of_html(text)


def archive_of_mails(text: str) -> None:
    begins = "From a@b Mon Jan  1 00:00:00 2024\n"
    for content in (text, f"{begins}{text}"):
        with suppress(NoArchive):
            list(split_mbox(io.BytesIO(raw(content))))
        as_sent(raw(content))


def other_markups(text: str) -> None:
    redmine_sections(text, "textile")
    redmine_sections(text, "markdown")
    own_words(text)
    dokuwiki_sections(text)
    without_quotation(f"> <a> {text}")


def history(text: str) -> None:
    contact = f"{text} <a@b>"
    heads = ("\x1f".join((text,) * 6), "\x1f".join(("0", "1", "1", "a@b", contact, contact)))
    tokens = [raw(f"\x01{head}") for head in heads]
    histories(
        iter([*tokens, b":100644 100644 a b M", raw(text)]), [raw(text)], ignored=frozenset(),
        bulk=9, mapped=lambda names: names, now=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip


def site(text: str) -> None:
    html_of({"body": text, "intro": [{"type": "heading", "value": text}]}, (), ())
    list(names_of([text, {"name": text}]))
    plain(text)
    plain_path(f"https://a.example/{text}".replace("[", "").replace("]", ""))
    readers_by_path(f"/{text}", {"/a": ["everyone"]}, Access())


def web_page(text: str) -> None:
    for body in (text, f"<h1>{text}</h1><p>a b</p>"):
        page = f"<html><head><title>a</title></head><body><main>{body}</main></body></html>"
        answer = HttpResponse(200, {"Content-Type": "text/html"}, raw(page))
        with suppress(NoText, NotForSearch):
            page_document("s", "https://a.example/", "", Access(), answer, "yes")
        if (tree := html_tree(page)) is not None:
            with suppress(NoText):
                own_sections(tree, "a")


def titles(text: str) -> None:
    own_title(text)
    says_nothing(text)
    readable_title(text)


def headers(text: str) -> None:
    """Each header alone, as the middleware and the routes read it."""
    value = text.encode("latin-1", "replace").replace(b"\n", b" ").replace(b"\r", b" ")
    for name in HEADERS:
        for own in (value, b"Bearer " + value, b"a=b; c=" + value, b"bytes=" + value):
            answered({b"host": b"a", name.encode(): own})


NO_FEATURES = SimpleNamespace(state=SimpleNamespace(services=SimpleNamespace(features=())))
"""An application without features, which could have programs of their own."""


def answered(sent: dict[bytes, bytes]) -> None:
    async def route(scope: Scope, _receive: Receive, _send: Send) -> None:
        request = Request(scope)
        bearer_token(request)
        assert request.cookies is not None
        str(request.url)
        with suppress(RangeNotSatisfiable):
            byte_range(request.headers.get("range", ""), 1_000)

    async def receive() -> AsgiMessage:
        return {"type": "http.disconnect"}

    async def send(_message: AsgiMessage) -> None:
        pass

    app: Any = SameSiteMiddleware(HostMiddleware(route, ["a"]), frozenset({"https://a"}))
    scope = {
        "type": "http", "method": "POST", "path": "/api/v1/a", "query_string": b"",
        "scheme": "https", "headers": list(sent.items()), "client": ("127.0.0.1", 1),
        "server": ("a", 443), "http_version": "1.1", "app": NO_FEATURES,
    }  # fmt: skip
    with suppress(StopIteration):
        ProxyHeadersMiddleware(app)(scope, receive, send).send(None)  # type: ignore[arg-type]


READERS: dict[str, Callable[[str], object]] = {
    "Markdown of questions": markdown_of_questions,
    "document's page": document_page,
    "marked text": marks,
    "shown passage": passage_shown,
    "preambles": preambles,
    "chosen sentences": chosen_sentences,
    "wording": wording_of_questions,
    "places": places,
    "people": people,
    "incoming mail": incoming_mail,
    "archive of mails": archive_of_mails,
    "Redmine and DokuWiki": other_markups,
    "history": history,
    "site": site,
    "web page": web_page,
    "titles": titles,
    "headers": headers,
}
FILES: dict[str, Callable[[Path, str], object]] = {"typed query": typed_query}
