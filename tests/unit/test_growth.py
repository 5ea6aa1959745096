"""Every reader of text from outside takes a time that grows with its length, not its square."""

import io
import json
import re
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from heapq import nlargest
from html import escape
from itertools import product
from pathlib import Path

import pytest
from joserfc.jwk import OctKey
from pydantic import ValidationError
from quisait_export.documents import RecordContext, documents_of
from quisait_export.schema import InvalidLine, RawLine, RecordLine, parse_line
from quisait_lasuite.documents import SuiteRules, parse_find_item
from quisait_ldap.client import LdapEntry
from quisait_ldap.directory import agent_of, normalize_dn, rdn_values
from quisait_matrix.conversations import Timeline
from quisait_matrix.events import EventType, Relation, RoomEvent
from quisait_mediawiki.pages import (
    CategoryLink,
    FileVersion,
    PageConverter,
    RedirectTitle,
    Rendering,
    Revision,
    WikiPage,
    account_named,
)
from quisait_push.items import parse_item
from quisait_push.routes import parsed

from connectors.directory import AgentRecord, read_records
from connectors.folder.rules import parse_sidecar, parse_table, rule_and_ignored
from connectors.html import sections_of as wiki_sections
from connectors.markdown import looks_like_markdown, read_markdown
from connectors.ports import SourceError
from connectors.tables import exceeds_json_values
from connectors.titles import own_title, title_of_path
from connectors.values import Access, Agent, Section
from expertise.topics import read_topics
from indexer.extraction.files import (
    ExtractionLimits,
    mail_parts,
    utf16_as_utf8,
    windows_as_utf8,
    zip_parts,
)
from indexer.extraction.tika_answer import (
    PART_EXCEPTION,
    STREAM_EXCEPTION,
    TikaPart,
    clean_path,
    is_encrypted,
    read_answer,
)
from indexer.extraction.xhtml import attachments_of, clean_text, page_of
from indexer.french.analysis import analyse, analyse_query, encoded, folded_words
from indexer.highlighting import highlights
from indexer.near_duplicates import signature
from indexer.passages import cut
from indexer.suggestions import near_in
from indexer.values import Passage
from search_api.middleware.security import is_own_host
from search_api.problems import Problem
from search_api.query.glossary import read_glossary
from search_api.query.query import (
    QUERY_CHARACTERS,
    operators_in,
    read_day,
    read_prefix,
    read_question,
)
from search_api.ranking.results import excerpt
from search_api.sign_on.errors import NotAnAgent, ProviderRefused
from search_api.sign_on.identification import AgentRule, agent_named
from search_api.sign_on.signed_tokens import (
    ClaimRules,
    checked_claims,
    id_token_claims,
    signed_claims,
)
from search_api.wording import mail_address, safe_text, web_address
from tests import regular_expressions, text_readers
from tests.regular_expressions import FRAGMENTS as PATTERN_FRAGMENTS
from tests.regular_expressions import (
    RUNS,
    TURNS,
    UsedPattern,
    growth,
    head_of,
    hostile_call,
    own_fragments,
    used_patterns,
)

pytestmark = pytest.mark.trust

SIGNS = 100_000
SLOWER = {
    "Markdown": 20_000,
    "folder rules": 6_000, "wiki page": 8_000, "edited files": 2_000, "passages": 10_000,
    "analysis": 4_000, "marks": 5_000, "question": 4_000, "directory": 8_000, "topics": 3_000,
    "XHTML": 24_000, "mail": 20_000, "LDAP entry": 20_000, "Tika's metadata": 24_000,
    "signature": 20_000, "pushed item": 40_000, "Markdown of questions": 10_000,
    "marked text": 20_000, "shown passage": 20_000, "chosen sentences": 20_000, "wording": 6_000,
    "places": 4_000, "people": 4_000, "incoming mail": 40_000, "Redmine and DokuWiki": 40_000,
    "web page": 10_000, "headers": 20_000, "typed query": 6_000,
}  # fmt: skip
"""What Python reads word by word or row by row is given less, so that all of this takes seconds."""
LONGER = 4
"""The longer text is so many times as long as the shorter one…"""
MOST_TIMES = 2.5 * LONGER
"""…and takes at most so many times its time; its square would be 16."""
UNFELT_S = 0.06
"""Of the processor: below that a ratio says nothing. Ten times the slowest reader's due."""

FRAGMENTS = (
    # marks of pages
    "<p ", "<p/", "<p a='", "<", ">", "</", "</p>", "<p>", "<b>", "<div>", "<!--", "<![CDATA[",
    "<?", "<h1>", "<td>", "<div class='toc'>", '<div class="package-entry"><h1>', "&", "&#", "&#1",
    "&amp;", "<script>",
    # brackets, quotes, separators
    "[[", "[", "]", "(", ")", "()", "{", "{{", "}", '"', '""', "'", "«", "»", "’", "a'", '\\"',
    "\\", ";", ",", ":", "=", "+", "|", "| ", "a|", "/", "a/", "../", "**/", "%", "~", "_", "__",
    "^", "@", "$",
    # lines and blanks
    " ", "  ", "\t", "\n", "\r", "\r\n", " \n", "\n ", "\na", "a\n", "\u00a0", "\u202f", "\u2028",
    # markdown, mails
    "`", "```\n", "~~~\n", "*", "**", "# ", "#", "#\n", "> ", ">\n", "- ", "-\n", "=\n", "1. ",
    "a: b\n", "--x\n", "--x--\n", "=?utf-8?q?a?=", "=?", "stream (", "begin 644 a\n",
    # words, numbers, references
    "a", "A", "aA", "é", "a ", "a.b.", "a.", "A.", ". ", ".", "..", "! ", "a-", "-", "- a", "a-\n",
    "·e", "(e)", "1", "1 ", "1 000 ", "1.", "1,", "1/", "1-", "1*", "n° ", "art. ", "L. 1-1 ",
    "l'", "a@", "a@a.", "http://", "www.a.", "12 mars 2024 ", "1%", "1er ",
    # a question's
    "OU ", "a OU ", "(a OU ", "auteur:", "avant:1 ", 'auteur:"', "-a ", '-"',
    # signs that are no letters
    "\u0301", "e\u0301", "\u200b", "\u00ad", "a\u00ad\n", "\ufffd", "😀", "\x00", "\x01", "ß", "œ",
    "\u0130", "ﬁ", "한",
)  # fmt: skip


def raw(text: str) -> bytes:
    return text.encode("utf-8", "replace")


NOW = datetime(2026, 1, 1, tzinfo=UTC)
SETTING = RecordContext("s", Path("/nowhere"), {}, {})
POST = {"type": "post", "id": "p", "title": "p", "readers": {"allowed": ["everyone"]}}
KEY = OctKey.import_key("k" * 32)


def export_line(text: str) -> None:
    """As it stands, and within a record's texts."""
    content = raw(text)
    parse_line(RawLine("e", 2, 0, len(content), content, too_long=False, terminated=True))


def export_record(text: str) -> None:
    said = {"text": text, "heading": text[:2_000].replace("\0", "")}
    line = RecordLine.model_validate(
        {**POST, "text": text, "sections": [said], "comments": [{"author": "a", "text": text}]}
    )
    list(documents_of(line, SETTING, "e:2"))


def pushed_body(text: str) -> None:
    with suppress(Problem):
        parsed(raw(text))
    exceeds_json_values(raw(text), len(text) // 2)


def pushed_item(text: str) -> None:
    for item in (
        {**POST, "text": text},
        {**POST, text: text},
        {**POST, "attachments": [{"name": "a", "base64": text}]},
        {**POST, "readers": {"allowed": text.split(" ")}},
    ):
        parse_item(item, 10_000_000)


def find_item(text: str) -> None:
    item = {
        "id": "i", "title": "", "content": text, "description": text, "is_active": True,
        "created_at": "2024-01-01T00:00:00Z", "updated_at": "2024-01-01T00:00:00Z",
        "users": text.split(" "),
    }  # fmt: skip
    parse_find_item(item, "s", SuiteRules(), 10_000_000)


def folder_rules(text: str) -> None:
    parse_table(raw(text), ("a",), trusted=True)
    parse_sidecar(raw(text), ("a",))
    table, _ = parse_table(raw(f"pattern,title\n{text}"), (), trusted=True)
    rule_and_ignored(("a", "b"), (table,))
    cell = json.dumps(text, ensure_ascii=False)
    parse_table(raw(f"pattern,title\n{cell[:900]},\n**,{cell}"), (), trusted=True)
    parse_sidecar(raw(json.dumps({"replaces": text, "author": text})), ("a",))
    title_of_path(f"{text[:255]}/{text[:255]}")  # what a disk takes


def wiki_page(text: str) -> None:
    page = WikiPage(
        pageid=1, ns=4, title=text, fullurl=text, pagelanguage=text,
        revisions=(Revision(revid=1, timestamp=NOW, user=text),),
        redirects=tuple(RedirectTitle(title=one, ns=4) for one in text.split(" ")),
        imageinfo=(FileVersion(timestamp=NOW, user=text),),
    )  # fmt: skip
    rendering = Rendering(pageid=1, text="", categories=(CategoryLink(category=text),))
    PageConverter("w", frozenset(), lambda _page: b"").document(page, rendering, Access())
    account_named(text)


def ldap_entry(text: str) -> None:
    attributes = {"uid": [raw(text)], "skills": [raw(one) for one in text.split(" ")]}
    mapping = {"id": "uid", "skills": "skills", "metier": "uid", "arrival": "uid", "listed": "uid"}
    for dn in (text, f"uid={text},dc=a"):
        list(agent_of(LdapEntry(dn, attributes), mapping))
        normalize_dn(dn)
        rdn_values(dn, "uid")


def directory_file(folder: Path, text: str) -> None:
    for name, head in (("a.csv", "id,skills\n"), ("a.jsonl", "")):
        (folder / name).write_bytes(raw(head + text))
        with suppress(SourceError):
            list(read_records(folder / name, AgentRecord, "id"))
    with suppress(ValidationError):
        AgentRecord.model_validate({"id": "a", "skills": text, "listed": "oui"})


def topics_file(folder: Path, text: str) -> None:
    for name, content in (
        ("t.csv", f"id,label\n{text}"),
        ("t.csv", f"id,label,alt_labels\na,b,{text}"),
        ("t.ttl", f"@prefix a: <http://a/> . a:b a:c {json.dumps(text)} ."),
        ("t.rdf", f"<r>{text}"),
        ("t.rdf", f"<r>{escape(text)}</r>"),
    ):
        (folder / name).write_bytes(raw(content))
        with suppress(SourceError):
            read_topics(folder / name)


def edited_files(text: str) -> None:
    read_glossary([f"a;{text}"])


def markdown(text: str) -> None:
    looks_like_markdown(text)
    own_title(read_markdown(text).title)
    read_markdown(f"---\n{text}\n---\n")


def plain_text(text: str) -> None:
    for content in (raw(text), text.encode("utf-16-le", "replace"), b"\xff\xfe" + raw(text)):
        utf16_as_utf8(content)
        windows_as_utf8(content)
        is_encrypted(content)


def xhtml(text: str) -> None:
    for said in (escape(text, quote=False), text):
        page = f"<html><body><p>{said}</p></body></html>"
        page_of(page)
        list(attachments_of(page))


def tika_metadata(text: str) -> None:
    metadata = {
        name: [text, text]
        for name in (
            "dc:title", "dc:creator", "dc:language", "dcterms:created", "Content-Type",
            STREAM_EXCEPTION, PART_EXCEPTION,
        )
    }  # fmt: skip
    page = "<html><body><p>texte</p></body></html>"
    read_answer(
        [TikaPart(page, metadata), TikaPart(page, metadata, text)], b"", ExtractionLimits(), text
    )
    clean_path(text)


def mail(text: str) -> None:
    head = "From: a@b\nContent-Type: multipart/mixed; boundary=x\n"
    for content in (text, f"{head}\n{text}", f"{head}Subject: {text}\n\n--x\n\na\n--x--\n"):
        mail_parts(raw(content))
    kind = f'Content-Disposition: attachment; filename="{text}"\nContent-Type: {text}\n'
    mail_parts(raw(f"{head}\n--x\n{kind}\n{text}\n--x--\n"))


def archive(text: str) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        made.writestr(text.replace("\0", " ")[:10_000] or "a", raw(text))
        # Zip gives the length of a name 16 bits, and of a comment.
        made.comment = raw(text)[:60_000]
    for content in (packed.getvalue(), packed.getvalue()[:-20], b"PK\x03\x04" + raw(text)):
        for _, read in zip_parts(content) or ():
            read(10_000_000)


def analysis(text: str) -> None:
    encoded(analyse(text))
    folded_words(text)


def questions(text: str) -> None:
    read_question(text)
    read_prefix(text)
    read_day(text)
    list(operators_in(text[:QUERY_CHARACTERS]))
    analyse_query(text)


def marked(text: str) -> None:
    found = highlights(text, frozenset({"a", "1", "b"}))
    excerpt(text, found[:50])
    safe_text(text)
    near_in(text, "cadastre", 2)


def passages(text: str) -> None:
    cut((Section(text),), text[:2_000])
    cut(tuple(Section(one) for one in text.split(" ")), "titre")


class Nobody:
    """A directory without agents."""

    def agent(self, agent_id: str) -> Agent | None:
        return None

    def owner_of(self, account: str) -> Agent | None:
        return None

    def by_email(self, email: str) -> tuple[Agent, ...]:
        return ()


def tokens(text: str) -> None:
    for token in (text, f"{text}.{text}.{text}"):
        with suppress(ProviderRefused):
            signed_claims(token, lambda _header: KEY, ("RS256",), "id_token")
    claims = dict.fromkeys(("iss", "aud", "sub", "nonce", "exp", "iat", "azp", "uid"), text)
    with suppress(ProviderRefused):
        id_token_claims(
            ({}, {**claims, "aud": text.split(" ")}), ClaimRules(text, "c", 1),
            nonce=text, access_token=text, now_s=1,
        )  # fmt: skip
    with suppress(ProviderRefused):
        checked_claims(claims, "a", ClaimRules(text, "a", 1), 1)
    with suppress(NotAnAgent):
        agent_named(claims, AgentRule(), Nobody(), NOW.date())


def addresses(text: str) -> None:
    for one in (text, f"a@{text}", f"https://{text}", f"{text}@a.b"):
        web_address(one)
        mail_address(one)
        is_own_host(one, frozenset({"a"}))


READERS: dict[str, Callable[[str], object]] = {
    "export line": export_line,
    "export record": export_record,
    "pushed body": pushed_body,
    "pushed item": pushed_item,
    "La Suite": find_item,
    "folder rules": folder_rules,
    "wiki HTML": wiki_sections,
    "wiki page": wiki_page,
    "LDAP entry": ldap_entry,
    "edited files": edited_files,
    "Markdown": markdown,
    "plain text": plain_text,
    "XHTML": xhtml,
    "clean text": clean_text,
    "Tika's metadata": tika_metadata,
    "mail": mail,
    "archive": archive,
    "passages": passages,
    "analysis": analysis,
    "signature": lambda text: signature((Passage(text),)),
    "marks": marked,
    "question": questions,
    "tokens": tokens,
    "addresses": addresses,
    **text_readers.READERS,
}
FILES: dict[str, Callable[[Path, str], object]] = {
    "directory": directory_file,
    "topics": topics_file,
    **text_readers.FILES,
}


def seconds(read: Callable[[str], object], text: str) -> float:
    began = time.process_time()
    read(text)
    return time.process_time() - began


def grows_too_fast(
    read: Callable[[str], object], fragment: str, signs: int, unfelt_s: float = UNFELT_S
) -> str:
    """What was measured, where a text of so many such fragments takes more than its length."""
    short = fragment * (signs // LONGER // len(fragment))
    long = short * LONGER
    if seconds(read, long) < max(unfelt_s, MOST_TIMES * seconds(read, short)):
        return ""
    once, more = (min(seconds(read, text) for _ in range(TURNS)) for text in (short, long))
    if more < max(unfelt_s, MOST_TIMES * once):
        return ""
    return f"{fragment!r}: {once:.3f} s, {more:.3f} s"


SHORT_SIGNS = 10_000
SHORT_UNFELT_S = 0.01


@pytest.mark.parametrize("name", [*READERS, *FILES])
def test_no_reader_takes_the_square_of_a_short_text(name: str, tmp_path: Path) -> None:
    """Hostile runs alone, as far as they are felt in ten thousand characters."""
    read = READERS[name] if name in READERS else partial(FILES[name], tmp_path)
    signs = min(SHORT_SIGNS, SLOWER.get(name, SIGNS) // 2)
    for run in RUNS:
        assert not grows_too_fast(read, run, signs, SHORT_UNFELT_S)


@pytest.mark.parametrize(
    ("fragments", "times"), [(FRAGMENTS, 1), (RUNS, 10)], ids=["fragments", "megabyte"]
)
@pytest.mark.parametrize("name", [*READERS, *FILES])
def test_no_reader_takes_the_square_of_its_text(
    name: str, fragments: tuple[str, ...], times: int, tmp_path: Path
) -> None:
    """A text of one fragment, again and again, bare and within words."""
    read = READERS[name] if name in READERS else partial(FILES[name], tmp_path)
    signs = SLOWER.get(name, SIGNS) * times
    for fragment in fragments:
        for before, after in (("", ""), ("agent", "1x.")):
            within = partial(_within, read, before, after)
            assert not grows_too_fast(within, fragment, signs)


def _within(read: Callable[[str], object], before: str, after: str, text: str) -> object:
    return read(f"{before}{text}{after}")


SLOWEST = 3
"""So many of the slowest texts of each expression are made longer still."""


def slow_patterns(
    sizes: tuple[int, ...],
    fragments: tuple[str, ...],
    ends: tuple[str, ...],
    *,
    own: bool,
    longer_sizes: tuple[int, ...] = (),
) -> list[str]:
    """Measure every regular expression of the product; return those that grow too fast.

    Every text has the `sizes`, and the slowest also the `longer_sizes`. `own`: texts made of a
    pattern's own literals are tried too.
    """
    return [
        fault
        for used in used_patterns()
        if (fault := _slow_pattern(used, sizes, fragments, ends, longer_sizes, own=own))
    ]


def _slow_pattern(
    used: UsedPattern,
    sizes: tuple[int, ...],
    fragments: tuple[str, ...],
    ends: tuple[str, ...],
    longer_sizes: tuple[int, ...],
    *,
    own: bool,
) -> str:
    """Return the first text on which the time grows too fast, or an empty text."""
    tried = dict.fromkeys((*fragments, *own_fragments(used.pattern)) if own else fragments)
    heads = ("", head_of(used.pattern))
    times: list[tuple[float, tuple[str, ...]]] = []

    def measure(case: tuple[str, ...], sizes: tuple[int, ...]) -> str:
        method, head, fragment, end = case

        def call(size: int) -> Callable[[], object]:
            text = f"{head}{fragment * (size // len(fragment) + 1)}{end}"
            return hostile_call(used, method, text)

        grown = growth(call, sizes)
        times.append((grown.last_s, case))
        if not grown.fault:
            return ""
        return f"{used.places}.{method} on {head!r}{fragment!r}…{end!r}: {grown.fault}"

    for case in product(used.measured_methods(), heads, tried, ends):
        if fault := measure(case, sizes):
            return fault
    for _, slow in nlargest(SLOWEST, times) if longer_sizes else ():
        if fault := measure(slow, longer_sizes):
            return fault
    return ""


def test_no_regular_expression_takes_the_square_of_its_text() -> None:
    """`re` holds the interpreter's lock: one document could stop all answers of a process."""
    assert not slow_patterns((25, 400, 6_000), RUNS, ("\x02",), own=True)


@pytest.mark.parametrize(
    ("sizes", "longer_sizes", "fragments", "ends", "own"),
    [
        ((1_000, 10_000, 100_000), (100_000, 1_000_000), RUNS, ("", "\x02", "1x."), False),
        (
            (25, 1_000, 10_000),
            (10_000, 100_000, 1_000_000),
            PATTERN_FRAGMENTS,
            ("\x02", "1x."),
            True,
        ),
    ],
    ids=["runs", "fragments"],
)
def test_no_regular_expression_takes_the_square_of_a_long_text(
    sizes: tuple[int, ...],
    longer_sizes: tuple[int, ...],
    fragments: tuple[str, ...],
    ends: tuple[str, ...],
    *,
    own: bool,
) -> None:
    """Up to a megabyte, with other ends.

    A square shows at 10 kB: 50 million steps beside ten thousand. Only the slowest are longer.
    """
    assert not slow_patterns(sizes, fragments, ends, own=own, longer_sizes=longer_sizes)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [(r"\s+$", " "), (r"(a|a)+b", "a")],
    ids=["square", "exponential"],
)
def test_an_expression_that_takes_the_square_is_reported(
    pattern: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one whose call would never end."""
    monkeypatch.setattr(regular_expressions, "CALL_S", 0.3)
    used = UsedPattern(re.compile(pattern), ["here"], {"search", "sub"})
    assert _slow_pattern(used, (25, 1_000, 10_000), (text,), ("\x02",), (), own=False)


DEEP = {
    "divisions": "<div>", "lists": "<ul><li>", "formatting": "<i>", "tables": "<table><tr><td>",
}  # fmt: skip


@pytest.mark.parametrize("opened", DEEP)
def test_a_wiki_page_of_many_levels_is_read_in_time(opened: str) -> None:
    """End tags that close nothing made the parser look through all that were open."""
    levels = 30_000
    page = f"<h2>Titre</h2>{DEEP[opened] * levels}fond{'</b>' * levels} fin"
    assert seconds(wiki_sections, page) < MOST_S
    (section,) = wiki_sections(page)
    assert ("Titre" in section.text, "fond" in section.text, "fin" in section.text) == (True,) * 3


def test_a_chain_of_replies_is_followed_in_time() -> None:
    """Each message of a room answers the one before; the newest is asked for first."""
    chain = [
        RoomEvent(f"${n}", EventType.MESSAGE, "@a:b", None, "x", Relation.REPLY, f"${n - 1}")
        for n in range(30_000)
    ]
    timeline = Timeline(chain)
    began = time.process_time()
    assert {timeline.root_of(event) for event in reversed(chain)} == {"$0"}
    assert time.process_time() - began < MOST_S


def test_a_pattern_of_many_stars_is_compared_in_time() -> None:
    """In a file two hundred folders deep; each «**» was tried with each other's every length."""
    rows = "".join(f"**/a*/**/a*/**/a*/**/z{n},everyone\n" for n in range(20))
    table, _ = parse_table(raw(f"pattern,allowed\n{rows}**/z1,g:g:few\n"), (), trusted=True)
    began = time.process_time()
    found = rule_and_ignored((*("a",) * 200, "z1"), (table,))[0]
    assert time.process_time() - began < MOST_S
    assert found is not None
    assert found.allowed == ("g:g:few",)


MOST_S = 3.0
"""Of the processor; before, the push took this long, the line of an export six times as long."""
MOST_MB = 60
MOST_LINE_MB = 25
MILLIONS = {
    "lists": '{"documents":[' + "[]," * 6_000_000 + "[]]}",
    "numbers": '{"documents":[' + "1," * 9_000_000 + "1]}",
    "fields": '{"documents":[{' + ",".join(f'"{n}":0' for n in range(1_500_000)) + "}]}",
}


def test_a_push_is_refused_before_its_values_are_built() -> None:
    """Twenty megabytes of empty lists were half a gigabyte of objects."""
    for written in (raw(one) for one in MILLIONS.values()):
        tracemalloc.start()
        try:
            began = time.process_time()
            with pytest.raises(Problem) as refused:
                parsed(written)
            assert refused.value.status == 413
            assert time.process_time() - began < MOST_S
            assert tracemalloc.get_traced_memory()[1] < MOST_MB * 2**20
        finally:
            tracemalloc.stop()


BAD_ITEMS = {
    "attachments": "[],", "sections": "1,", "replaces": "1,", "comments": "{},",
    "contributors": '"",',
}  # fmt: skip


@pytest.mark.parametrize("items", [45_000, 1_000_000])
@pytest.mark.parametrize("name", BAD_ITEMS)
def test_a_line_of_a_million_wrong_items_costs_one_error(name: str, items: int) -> None:
    """Each was an error of a kilobyte. The line is told as broken, under its own name."""
    listed = BAD_ITEMS[name] * items
    written = raw(f'{{"type":"post","id":"p","title":"t","{name}":[{listed[:-1]}]}}')
    line = RawLine("e", 2, 0, len(written), written, too_long=False, terminated=True)
    tracemalloc.start()
    try:
        broken = parse_line(line)
        assert tracemalloc.get_traced_memory()[1] < MOST_LINE_MB * 2**20
    finally:
        tracemalloc.stop()
    assert isinstance(broken, InvalidLine)
    assert (broken.type, broken.id) == ("post", "p")


def test_values_are_counted_outside_of_texts() -> None:
    """Commas and brackets of a text, and its escaped quotes, are no values."""
    text = json.dumps({"text": 'a, [b] {c}: \\ "d, e" \\" ' * 100_000, "n": [1, 2]})
    assert not exceeds_json_values(raw(text), 4)
    assert exceeds_json_values(raw(text), 3)
    assert not exceeds_json_values(b'"\\\\\\"' + b"," * 3_000_000, 10), "a text that is not closed"
