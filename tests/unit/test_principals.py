"""Principals are normalised: a denial excludes its group even if both are written differently."""

import json
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quisait_export.connector import ExportSource
from quisait_export.schema import RecordLine
from quisait_lasuite.documents import SuiteRules, parse_find_item
from quisait_ldap.client import LdapEntry
from quisait_ldap.config import LdapConfig
from quisait_ldap.directory import AgentIds, groups_of, normalize_dn
from quisait_mediawiki.config import WikiConfig
from quisait_mediawiki.pages import Namespace, SiteInfo, namespace_access
from quisait_push.items import PushedItem

from connectors.account_linking import LinkBy, LinkedDirectory, LinkRule
from connectors.directory import TableDirectory
from connectors.folder.connector import FolderSource
from connectors.ports import AccessChanged, Change, Upsert
from connectors.readers import access_of
from connectors.snapshot import Snapshot
from connectors.values import EVERYONE, Access, Agent, Group, normalize_principal
from expertise.build import BuildRules
from expertise.directory import SqlDirectory
from indexer.access import Reader, access_filter
from indexer.embedded.rows import access_key
from indexer.embedded.rows import access_of as stored_access
from quisait.application.database import migrate
from quisait.settings import TopicsSettings
from quisait.settings.sources import RoleSettings, SourceSettings, grant_of
from search_api.identity.readers import Authorities, reader_of
from tests.pushed_documents import DOCUMENT

pytestmark = pytest.mark.trust

QUICKLY = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
TODAY = date(2026, 11, 26)


@st.composite
def spellings(draw: st.DrawFn) -> tuple[str, str]:
    """Two spellings of one name: each letter composed, taken apart, or as it came."""
    letters = draw(
        st.text(
            st.characters(exclude_categories=["C", "Z"], exclude_characters='|:,;"\\{}=+#<>[]@'),
            min_size=1,
            max_size=8,
        )
        | st.text(
            st.sampled_from("eéèÉçôñœ\u212b\u2126\u0344\ud55c\u1e9b\u0323"), min_size=1, max_size=8
        )
    )
    base = unicodedata.normalize("NFC", f"x{letters}")
    forms = [unicodedata.normalize(draw(st.sampled_from(["NFC", "NFD"])), one) for one in base]
    mixed = "".join(forms)
    # Where letters next to each other belong together, only the whole is one text.
    other = mixed if unicodedata.normalize("NFC", mixed) == base else base
    return other, unicodedata.normalize(draw(st.sampled_from(["NFC", "NFD"])), base)


def reader(*principals: str, unanswered: tuple[str, ...] = ()) -> Reader:
    return Reader("a", frozenset({EVERYONE, *principals}), frozenset(unanswered))


def shuts_out(access: Access, principal: str) -> bool:
    """Whether the holder does not read, and everybody else does."""
    return access_filter(reader()).admits(access) and not access_filter(reader(principal)).admits(
        access
    )


@given(spellings())
def test_a_denial_in_one_form_shuts_out_who_has_another(names: tuple[str, str]) -> None:
    """And a permission lets them in; as it is kept and read again too."""
    ours, theirs = (f"ldap:group:{name}" for name in names)
    denying = Access(frozenset({EVERYONE}), frozenset({ours}))
    for access in (denying, stored_access(access_key(denying))):
        assert shuts_out(access, theirs)
    assert access_filter(reader(theirs)).admits(Access(frozenset({ours})))
    assert (
        normalize_principal(ours)
        == normalize_principal(theirs)
        == normalize_principal(normalize_principal(ours))
    )


@given(spellings())
def test_what_was_stored_in_another_form_shuts_out(names: tuple[str, str]) -> None:
    """The embedded index keeps lists as an older version wrote them."""
    ours, theirs = (f"ldap:group:{name}" for name in names)
    assert shuts_out(stored_access(json.dumps([[EVERYONE], [ours]])), theirs)


@pytest.mark.parametrize(
    "other", ["ldap:group:equipe", "ldap:group:Équipe", "ldap:group:é\u200bquipe"]
)
def test_what_may_be_another_group_stays_one(other: str) -> None:
    """Accents, case and unseen characters are not folded: it would open what is another's."""
    assert not access_filter(reader("ldap:group:équipe")).admits(Access(frozenset({other})))


Way = Callable[[Path, str], Access]


def of(changes: Iterator[Change]) -> Access:
    for change in changes:
        if isinstance(change, Upsert):
            return change.document.access
        if isinstance(change, AccessChanged) and change.access.allowed:
            return change.access
    raise AssertionError("no document came")


def folder(root: Path, table: str = "", sidecar: Mapping[str, object] | None = None) -> Access:
    (root / "x.txt").write_text("texte")
    (root / "_quisait.csv").write_text(table or "pattern\n")
    if sidecar:
        (root / "x.txt.quisait.json").write_text(json.dumps(sidecar))
    return of(iter(Snapshot(FolderSource("f", root)).changes(None)))


def export(root: Path, *lines: dict[str, object]) -> Access:
    path = root / "x.jsonl"
    header = {"type": "header", "version": 1}
    path.write_text("".join(json.dumps(line) + "\n" for line in (header, *lines)))
    return of(iter(Snapshot(ExportSource("e", path)).changes(None)))


def page(**fields: object) -> dict[str, object]:
    return {"type": "page", "id": "1", "title": "Note", "text": "texte", **fields}


def denied(name: str) -> dict[str, object]:
    return {"allowed": [EVERYONE], "denied": [f"ldap:group:{name}"]}


DENYING: dict[str, Way] = {
    "a folder's table": lambda root, name: folder(
        root, f"pattern,allowed,denied\n**,everyone,ldap:group:{name}\n"
    ),
    "a sidecar": lambda root, name: folder(root, "pattern,allowed\n**,everyone\n", denied(name)),
    "a record of an export": lambda root, name: export(root, page(readers=denied(name))),
    "a space of an export": lambda root, name: export(
        root, {"type": "space", "id": "s", "title": "S", "readers": denied(name)}, page(space="s")
    ),
    "new readers of an export": lambda root, name: export(
        root,
        page(readers={"allowed": []}),
        {"type": "access", "id": "1", "readers": denied(name)},
    ),
    "what is pushed": lambda _, name: access_of(
        RecordLine.model_validate(page(readers=denied(name))).readers
    ),
}


@pytest.mark.parametrize("way", DENYING)
@QUICKLY
@given(names=spellings())
def test_every_source_denies_whatever_the_form(
    tmp_path: Path, way: str, names: tuple[str, str]
) -> None:
    """A table, a sidecar, an export's record, space or access line, a push."""
    ours, theirs = names
    for left in tmp_path.iterdir():
        left.unlink()
    assert shuts_out(DENYING[way](tmp_path, ours), f"ldap:group:{theirs}")


@given(spellings())
def test_a_wiki_and_la_suite_let_in_whatever_the_form(names: tuple[str, str]) -> None:
    """Both only allow: in the settings, by the groups and users of a document."""
    ours, theirs = names
    settings_ = SourceSettings(
        name="w", kind="mediawiki", options={"url": "https://w"}, allowed=[f" l:g:{ours}"]
    )
    site = SiteInfo(namespaces={"0": Namespace(id=0, name="")}, namespacealiases=[])
    main = namespace_access(WikiConfig("https://w", allowed=frozenset(settings_.allowed)), site)[0]
    assert access_filter(reader(f"l:g:{theirs}")).admits(main)
    pushed = parse_find_item(
        DOCUMENT | {"groups": [ours], "users": [ours]}, "docs", SuiteRules(), 100_000
    )
    assert isinstance(pushed, PushedItem)
    assert isinstance(pushed.line, RecordLine)
    for kind in ("group", "account"):
        found = access_filter(reader(f"docs:{kind}:{theirs}")).admits(
            access_of(pushed.line.readers)
        )
        assert found, kind


def tables(root: Path, agent_id: str, group: str, member: str, account: str = "") -> TableDirectory:
    agents, groups = root / "a.jsonl", root / "g.jsonl"
    row = {"id": agent_id, "accounts": [account] if account else []}
    agents.write_text(json.dumps(row) + "\n")
    groups.write_text(json.dumps({"principal": f"ldap:group:{group}", "members": [member]}) + "\n")
    return TableDirectory(agents, groups)


@QUICKLY
@given(names=spellings(), people=spellings())
def test_the_directory_s_groups_ids_and_accounts(
    tmp_path: Path, names: tuple[str, str], people: tuple[str, str]
) -> None:
    """A group's name, its member's id, an agent's id and their account, in forms of their own."""
    (ours, theirs), (written, otherwise) = names, people
    book = SqlDirectory(migrate(sa.create_engine("sqlite://")))
    book.replace(tables(tmp_path, written, theirs, otherwise, f"w:{written}"))
    found = access_filter(Authorities(agents=book).complete(reader_of(written, book, TODAY)))
    for principal in (f"ldap:group:{ours}", f"agent:{otherwise}", f"w:account:{otherwise}"):
        assert not found.admits(Access(frozenset({EVERYONE}), frozenset({principal}))), principal
        assert found.admits(Access(frozenset({principal}))), principal


@given(spellings(), spellings())
def test_ldap_groups_whatever_the_form(names: tuple[str, str], people: tuple[str, str]) -> None:
    """The group's name, and who is in it, by their entry's name or by their id."""
    (ours, theirs), (written, otherwise) = names, people
    people_known = AgentIds({normalize_dn(f"uid={written},dc=x"): "a"}, {})
    entry = LdapEntry(
        f"cn={theirs},dc=x",
        {"cn": [theirs.encode()], "member": [f"uid={otherwise},dc=x".encode()]},
    )
    (group,) = groups_of([entry], people_known, LdapConfig((), "", ""))
    assert shuts_out(
        Access(frozenset({EVERYONE}), frozenset({f"ldap:group:{ours}"})), group.principal
    )
    assert group.members == {"a"}


class Says:
    """An authority that says one group of everybody."""

    name = "w"

    def __init__(self, principal: str) -> None:
        self.principal = principal

    def principals(self, agent_id: str, accounts: frozenset[str]) -> frozenset[str]:
        return frozenset({self.principal})


@settings(max_examples=20, deadline=None)
@given(spellings())
def test_what_an_authority_says_whatever_the_form(names: tuple[str, str]) -> None:
    """And that the directory says the same otherwise is no contest between the two."""
    ours, theirs = names
    book = SqlDirectory(migrate(sa.create_engine("sqlite://")))
    authorities = Authorities([Says(f"w:group:{theirs}")], book)
    found = authorities.complete(reader(f"w:group:{ours}"))
    authorities.close()
    assert found.unanswered == frozenset()
    assert shuts_out(
        Access(frozenset({EVERYONE}), frozenset({f"w:group:{ours}"})), f"w:group:{theirs}"
    )
    assert not access_filter(found).admits(
        Access(frozenset({EVERYONE}), frozenset({f"w:group:{ours}"}))
    )


@given(spellings())
def test_roles_and_universal_principals_whatever_the_form(names: tuple[str, str]) -> None:
    """A role's groups, and the readers that the settings take for every agent."""
    ours, theirs = (f"ldap:group:{name}" for name in names)
    grant = grant_of(RoleSettings(role="officer", groups=[ours]))
    assert grant.is_for(reader(theirs))
    rules = BuildRules(frozenset(TopicsSettings(universal=[ours]).universal))
    assert rules.universal == Access(frozenset({theirs})).allowed


@QUICKLY
@given(spellings().filter(lambda both: both[0] != both[1]))
def test_an_account_that_two_agents_claim_in_two_forms_is_nobodys(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    """They would be one principal: what is the one's would open to the other."""
    ours, theirs = names
    rows = [{"id": "a", "accounts": [f"w:{ours}"]}, {"id": "b", "accounts": [f"w:{theirs}"]}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    directory = TableDirectory(tmp_path / "a.jsonl")
    agents = [one for one in directory.entries() if isinstance(one, Agent)]
    assert [one.accounts for one in agents] == [(), ()]
    joined = LinkedDirectory(directory, [LinkRule("w", (LinkBy.ID,))])
    assert not {
        normalize_principal(account)
        for one in joined.entries()
        if isinstance(one, Agent)
        for account in one.accounts
    } & {normalize_principal(f"w:{ours}")}


@QUICKLY
@given(spellings().filter(lambda both: both[0] != both[1]))
def test_an_id_that_stands_in_two_forms_is_one_agent(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    """As one that stands twice: `agent:…` would name both."""
    rows = [{"id": name} for name in names]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    entries = list(TableDirectory(tmp_path / "a.jsonl").entries())
    assert [one.id for one in entries if isinstance(one, Agent)] == [names[0]]


def test_a_group_is_held_in_its_form() -> None:
    """Whatever directory made it."""
    assert Group(unicodedata.normalize("NFD", "l:group:é")).principal == "l:group:é"
