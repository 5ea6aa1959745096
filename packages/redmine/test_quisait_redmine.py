"""A real Redmine: pages, issues and their solution, news, files, and who reads them."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quisait_connector_kit.connector_contract import apply, last_cursor, read
from quisait_connector_kit.memory_seen import MemorySeen
from quisait_redmine.client import RedmineApi
from quisait_redmine.connector import KIND, RedmineSource
from quisait_redmine.documents import own_words, sections_of
from quisait_redmine.options import RedmineOptions

from connectors.http_host import HttpHost, HttpResponse
from connectors.http_limits import HttpLimits
from connectors.installed import SourcePlace
from connectors.ports import (
    AccessNarrowed,
    Checkpoint,
    Malformed,
    RecordVanished,
    SourceRefused,
    SourceUnreachable,
    SubtreeHidden,
    Upsert,
)
from connectors.snapshot import Snapshot
from connectors.values import (
    Access,
    Contribution,
    ContributorRole,
    Document,
    EvidencePolicy,
    Section,
)
from tests.recorded_servers import Check, Tape
from tests.redmine_server import KEYS, USERS, Redmine, ensure_redmine

pytestmark = pytest.mark.sources

QUICK = HttpLimits(rate_per_s=0, timeout_s=20, total_timeout_s=30, max_wait_s=0)
GROUPS = {"a": "test:group:a", "b": "test:group:b"}


@dataclass
class RedmineHarness:
    """Pages of wikis, in one project for each set of readers."""

    server: Redmine
    projects: dict[tuple[str, ...], int] = field(default_factory=dict)
    where: dict[str, tuple[str, ...]] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    resumable_count: int = 7
    seen: MemorySeen = field(default_factory=MemorySeen)

    def connector(self, **options: object) -> Snapshot:
        return Snapshot(self.listed(**options), self.seen)

    def listed(self, **options: object) -> RedmineSource:
        self.server.age()
        given = {"url": self.server.url, "projects": self.names or ["aucun"], "groups": GROUPS,
                 "trackers": ["*"], "wiki_files": False}  # fmt: skip
        made = RedmineOptions.model_validate(given | options)
        return RedmineSource("t", made, KEYS["lecteur"], QUICK)

    def project(self, allowed: tuple[str, ...] = ()) -> int:
        """The project with these readers."""
        if allowed not in self.projects:
            made = self.server.project(public="everyone" in allowed)
            self.names.append(made["identifier"])
            self.projects[allowed] = made["id"]
            for name in allowed:
                if name != "everyone":
                    group = self.server.group(name.rpartition(":")[2])
                    self.server.member(made["id"], group, "Membre")
        return self.projects[allowed]

    def document_id(self, name: str) -> str:
        title = name.replace(".", "")
        return f"t:{self.project(self.where[name])}/wiki/{title[0].upper()}{title[1:]}"

    def add(self, name: str, text: str, allowed: tuple[str, ...]) -> None:
        if self.where.get(name, allowed) != allowed:
            self.remove(name)
        self.where[name] = allowed
        self.server.page(self.project(allowed), name.replace(".", ""), text)

    def set_readers(self, name: str, allowed: tuple[str, ...]) -> None:
        """Change the readers of a page that is the only one in its project."""
        former = self.where[name]
        project = self.projects.pop(former)
        assert list(self.where.values()).count(former) == 1
        self.server.ask("PUT", f"projects/{project}.json", {"project": {"is_public": False}})
        for one in allowed:
            group = self.server.group(one.rpartition(":")[2])
            self.server.member(project, group, "Membre")
        self.projects[allowed] = project
        self.where[name] = allowed

    def remove(self, name: str) -> None:
        self.server.ask(
            "DELETE", f"projects/{self.project(self.where[name])}/wiki/{name.replace('.', '')}.json"
        )

    def add_invalid_records(self) -> int:
        """A project of which the account may see neither pages nor files."""
        made = self.server.project(reader=False)
        self.names.append(made["identifier"])
        self.server.member(made["id"], self.server.user("lecteur"), "Visiteur")
        self.server.page(made["id"], "perdu", "x")
        return 2

    def add_complete_document(self) -> Document:
        project = self.server.project(name="Cadastre d’ici", reader=True)
        self.names.append(project["identifier"])
        number = project["id"]
        self.server.member(number, self.server.user("ana"), "Membre")
        self.server.page(number, "Guide_d’été", "h1. Bornage\n\nDeux [[A|parcelles]].", by="ana")
        self.server.page(number, "Guide_d’été", "h1. Bornage\n\nTrois [[A|parcelles]].", by="ben")
        self.server.set_rows("UPDATE wiki_contents SET updated_on = '2020-05-04 10:00:00'")
        self.server.set_rows("UPDATE wiki_content_versions SET updated_on = '2020-05-04 10:00:00'")
        self.server.set_rows("UPDATE wiki_pages SET created_on = '2019-05-04 10:00:00'")
        day = datetime(2020, 5, 4, tzinfo=UTC).date()
        years = ((2020, 1),)
        return Document(
            id=f"t:{number}/wiki/Guide_d’été", source="t", title="Guide d’été", kind="page",
            sections=(Section("Trois parcelles.", "Bornage"),),
            url=f"{self.server.url}projects/{project['identifier']}/wiki/Guide_d%E2%80%99%C3%A9t%C3%A9",
            access=Access(frozenset({"t:account:ana"})),
            created=datetime(2019, 5, 4, 10, tzinfo=UTC),
            modified=datetime(2020, 5, 4, 10, tzinfo=UTC), space="Cadastre d’ici",
            contributions=(
                Contribution("t:ana", ContributorRole.AUTHOR, "Ana Essai", 1, day, day, years),
                Contribution("t:ben", ContributorRole.EDITOR, "Ben Essai", 1, day, day, years),
            ),
        )  # fmt: skip


TAPE = Tape(
    Path(__file__).with_name("recorded.json.gz"),
    tuple((Redmine, name) for name in ("ask", "set_rows", "_number")),
    frozenset({"project", "identifier", "id", "membership"}),
)


@contextmanager
def served(server: Redmine) -> Iterator[RedmineHarness]:
    made = RedmineHarness(server)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("connectors.snapshot.CHECKPOINT_DOCUMENTS", 3)
        yield made
    for name in reversed(made.names):  # those below others first
        made.server.ask("DELETE", f"projects/{name}.json")


@pytest.fixture
def harness() -> Iterator[RedmineHarness]:
    with served(ensure_redmine()) as made:
        yield made


def test_contract(connector_check: Check) -> None:
    """Every check of the contract, on a real server."""
    server = ensure_redmine()
    with TAPE.recording(connector_check, server.port), served(server) as harness:
        connector_check(harness)


def test_contract_as_recorded(connector_check: Check, tmp_path: Path) -> None:
    """Every check, on what that server answered."""
    with TAPE.playing(connector_check), served(Redmine(1, tmp_path, count(1))) as harness:
        connector_check(harness)


def roles(document: Document) -> dict[str, str]:
    return {one.account.removeprefix("t:"): one.role.value for one in document.contributions}


def readers(document: Document) -> set[str]:
    return {one.removeprefix("t:account:") for one in document.access.allowed}


def kept(harness: RedmineHarness, **options: object) -> dict[str, Document]:
    return apply(harness.connector(**options).changes(None))


@pytest.fixture
def project(harness: RedmineHarness) -> int:
    """A private project with members of each sight."""
    number = harness.project()
    for login, role in (("ana", "Membre"), ("ben", "Usager"), ("cyd", "Visiteur")):
        harness.server.member(number, harness.server.user(login), role)
    harness.server.member(number, harness.server.user("dan"), "Lecteur")
    return number


def test_an_issue_with_its_solution(harness: RedmineHarness, project: int) -> None:
    """The asker, answerers and solution are found; a private note is not read."""
    server = harness.server
    issue = server.issue(project, "Le bornage ?", by="ana", description="h2. Question\n\nComment ?")
    server.note(issue, "Essayez le cadastre.", by="cyd")
    server.note(issue, "> Comment ?\n\nSignez le procès-verbal.", by="ben")
    server.note(issue, "un secret entre nous", by="dan", private_notes=True)
    server.note(issue, "Merci !", by="ana", status_id=5)
    made = kept(harness)[f"t:{project}/issues/{issue}"]
    assert made.title == "Le bornage ?"
    assert [(one.heading, one.text, one.author) for one in made.sections] == [
        ("Question", "Comment ?", "t:ana"),
        ("Réponse", "Essayez le cadastre.", "t:cyd"),
        ("Réponse acceptée", "Signez le procès-verbal.", "t:ben"),
        ("Commentaire", "Merci !", "t:ana"),
    ]
    assert roles(made) == {"ana": "asker", "ben": "accepted_answerer", "cyd": "answerer"}
    assert made.url == f"{server.url}issues/{issue}"


def test_an_issue_that_nobody_solved_has_no_accepted_answer(
    harness: RedmineHarness, project: int
) -> None:
    """The issue is open or rejected; an asker who solved it alone is its answerer."""
    server = harness.server
    alone, open_one, rejected = (server.issue(project, name) for name in ("seul", "o", "r"))
    server.note(open_one, "Peut-être.", by="ben")
    server.note(rejected, "Non.", by="ben", status_id=6)
    server.note(alone, "Il fallait redémarrer.", by="ana", status_id=5)
    found = kept(harness)
    root = f"t:{project}/issues"
    assert roles(found[f"{root}/{open_one}"]) == {"ana": "asker", "ben": "answerer"}
    assert roles(found[f"{root}/{rejected}"]) == {"ana": "asker", "ben": "answerer"}
    heading = found[f"{root}/{alone}"].sections[-1].heading
    assert heading == "Réponse acceptée"


def test_who_reads_an_issue(harness: RedmineHarness, project: int) -> None:
    """By role: all, those that are not private, one's own; a private one as Redmine shows it."""
    server = harness.server
    plain = server.issue(project, "ouverte", by="ben")
    private = server.issue(project, "privée", by="cyd", is_private=True)
    mine = server.issue(project, "à moi", by="ben", is_private=True)
    given = server.issue(project, "confiée", is_private=True, by="ben",
                         assigned_to_id=server.user("ana"))  # fmt: skip
    other = server.issue(project, "d'un autre", by="ana")
    found = kept(harness)
    root = f"t:{project}/issues"
    assert readers(found[f"{root}/{plain}"]) == {"ana", "ben", "dan"}
    assert readers(found[f"{root}/{private}"]) == {"dan"}
    assert readers(found[f"{root}/{mine}"]) == {"ben", "dan"}
    assert readers(found[f"{root}/{given}"]) == {"ana", "ben", "dan"}
    assert readers(found[f"{root}/{other}"]) == {"ana", "dan"}


def test_those_who_read_are_those_whom_redmine_lets_read(
    harness: RedmineHarness, project: int
) -> None:
    """Asked by the key of one of them, Redmine shows the same issues and no other."""
    server = harness.server
    for number, by in enumerate(("ana", "ben", "cyd")):
        server.issue(project, f"demande {number}", by=by)
        server.issue(project, f"privée {number}", by=by, is_private=True)
    found = kept(harness)
    ours = {int(i.rpartition("/")[2]) for i, one in found.items() if "ana" in readers(one)}
    shown = server.ask("GET", f"issues.json?project_id={project}&status_id=*", key="ana")
    assert ours == {one["id"] for one in shown["issues"]}
    assert len(ours) == 4


def test_issues_are_read_of_the_named_trackers_alone(harness: RedmineHarness, project: int) -> None:
    """For the interface does not say which role sees but some of them."""
    server = harness.server
    read_one = server.issue(project, "assistance", tracker_id=3)
    server.issue(project, "anomalie")
    assert kept(harness, trackers=[]) == {}
    assert any("trackers" in said for said in harness.connector(trackers=[]).check())
    name = server.ask("GET", "trackers.json")["trackers"][2]["name"]
    assert set(kept(harness, trackers=[name])) == {f"t:{project}/issues/{read_one}"}


def test_who_reads_a_public_project(harness: RedmineHarness) -> None:
    """Without an account, with one, and not more than a member of a lesser role."""
    server = harness.server
    number = harness.project(("everyone",))
    server.page(number, "Page", "x")
    private = server.issue(number, "privée", by="ana", is_private=True)
    page, issue = f"t:{number}/wiki/Page", f"t:{number}/issues/{private}"
    assert kept(harness)[page].access == Access(frozenset({"everyone"}))
    assert kept(harness)[issue].access == Access()
    with_accounts = {"anonymous": False, "accounts": ["annuaire:group:tous"]}
    assert readers(kept(harness, **with_accounts)[page]) == {"annuaire:group:tous"}
    assert kept(harness, anonymous=False)[page].access == Access()
    assert any("aucun lecteur" in said for said in harness.connector(anonymous=False).check())
    # Neither number is that of a role that members have, were it exchanged or wrong.
    wrong = harness.connector(non_member_role=server.role("Lecteur"))
    said = list(wrong.changes(None))
    assert apply(said)[page].access == Access()
    assert "non_member_role" in [one.where for one in said if isinstance(one, Malformed)]
    server.member(number, server.user("cyd"), "Visiteur")
    assert readers(kept(harness, **with_accounts)[page]) == set()


def test_a_project_that_opens_less_to_those_with_an_account(harness: RedmineHarness) -> None:
    """By a role of its own for them, in place of the general one."""
    number = harness.project(("everyone",))
    harness.server.page(number, "Page", "x")
    harness.server.member(number, harness.server.group("GroupNonMember"), "Visiteur")
    options = {"anonymous": False, "accounts": ["annuaire:group:tous"]}
    assert kept(harness, **options)[f"t:{number}/wiki/Page"].access == Access()


def test_members_of_a_project_above_and_of_groups(harness: RedmineHarness, project: int) -> None:
    """Inherited ones too; a group's users are members of their own."""
    server = harness.server
    below = server.project(parent_id=project, inherit_members=True, reader=False)
    harness.names.append(below["identifier"])
    server.page(below["id"], "Page", "x")
    group = server.group("inconnu")
    server.ask("POST", f"groups/{group}/users.json", {"user_id": server.user("ben")})
    try:
        server.member(below["id"], group, "Membre")
        made = kept(harness)[f"t:{below['id']}/wiki/Page"]
        assert readers(made) == {"ana", "ben", "dan"}
    finally:
        server.ask("DELETE", f"groups/{group}/users/{server.user('ben')}.json")


def test_an_issue_made_private_is_closed_before_anything_is_read(
    harness: RedmineHarness, project: int
) -> None:
    """The text that is kept has its former readers no longer."""
    server = harness.server
    issue = server.issue(project, "demande", by="cyd")
    server.age()
    first = read(harness)
    server.ask("PUT", f"issues/{issue}.json", {"issue": {"is_private": True}})
    changes = read(harness, last_cursor(first))
    closed = Access(frozenset({"t:account:dan"}))
    assert changes[0] == AccessNarrowed(f"t:{project}/issues/{issue}", closed)
    assert isinstance(changes[1], Checkpoint)


def test_a_wiki_that_the_account_may_no_longer_list_is_closed_and_kept(
    harness: RedmineHarness, project: int
) -> None:
    """Its documents are for nobody until their readers are known again."""
    server = harness.server
    server.page(project, "Page", "x")
    first = read(harness)
    lost = ("UPDATE member_roles SET role_id = ? WHERE role_id = ? AND member_id IN "
            "(SELECT id FROM members WHERE project_id = ? AND user_id = ?)")  # fmt: skip
    reader, visitor = server.role("Lecteur"), server.role("Visiteur")
    server.set_rows(lost, visitor, reader, project, server.user("lecteur"))
    closing = read(harness, last_cursor(first))
    assert SubtreeHidden(f"t:{project}/wiki") in closing
    said = [one.reason for one in closing if isinstance(one, Malformed)]
    assert any("demande" in reason for reason in said)
    closed = apply(closing, apply(first))
    assert [one.access for one in closed.values()] == [Access()]
    server.set_rows(lost, reader, visitor, project, server.user("lecteur"))
    assert apply(read(harness, last_cursor(closing)), closed) == apply(first)


def test_an_archived_project_is_closed_and_a_closed_one_is_read(
    harness: RedmineHarness, project: int
) -> None:
    """At once, before the deletion of what it held is let go."""
    server = harness.server
    server.page(project, "Page", "x")
    server.issue(project, "demande")
    first = read(harness)
    assert len(apply(first)) == 2
    server.ask("PUT", f"projects/{project}/close.json")
    second = read(harness, last_cursor(first))
    assert apply(second, apply(first)) == apply(first)
    server.ask("PUT", f"projects/{project}/archive.json")
    last = read(harness, last_cursor(second))
    assert {one for one in last if isinstance(one, AccessNarrowed)} == {
        AccessNarrowed(one, Access()) for one in apply(first)
    }
    assert apply(last, apply(first)) == {}
    server.ask("PUT", f"projects/{project}/unarchive.json")


def test_files_have_the_readers_of_what_they_are_attached_to(
    harness: RedmineHarness, project: int
) -> None:
    """Files belong to an issue, a page or the project; who attached a file is not its author."""
    server = harness.server
    token = server.upload(b"du texte", "note.txt")
    issue = server.issue(project, "privée", by="cyd", is_private=True, uploads=[token])
    server.page(project, "Page", "x", uploads=[server.upload(b"autre", "page.txt")])
    said = {"file": server.upload(b"dossier", "projet.txt")}
    server.ask("POST", f"projects/{project}/files.json", said)
    first = apply(harness.connector(wiki_files=True).changes(None))
    found = {one.sections[0].text: one for one in first.values() if "/file/" in one.id}
    assert {name: readers(one) for name, one in found.items()} == {
        "note.txt": {"dan"},
        "page.txt": {"ana", "dan"},
        "projet.txt": {"ana", "dan"},
    }
    attached = found["note.txt"]
    assert attached.part_of == f"t:{project}/issues/{issue}"
    assert attached.sections[1].text == "du texte"
    assert set(roles(attached).values()) == {"uploader"}
    server.ask("DELETE", f"attachments/{attached.id.rpartition('/')[2]}.json")
    assert attached.id not in kept(harness)


def test_a_file_that_is_not_the_listed_one_is_not_read(harness: RedmineHarness) -> None:
    """Nor one that is gone."""
    api = RedmineApi(HttpHost(harness.server.url, QUICK), KEYS["lecteur"])
    with pytest.raises(RecordVanished):
        api.file(10**6, "x", 3)


def test_news_and_pages_with_their_authors(harness: RedmineHarness, project: int) -> None:
    """Versions are asked for where the settings say so; evidence may be left out."""
    server = harness.server
    said = {"news": {"title": "Nouvelle", "summary": "Bref", "description": "h1. A\n\nlong"}}
    server.ask("POST", f"projects/{project}/news.json", said)
    server.page(project, "Page", "une", by="ana")
    server.page(project, "Page", "deux", by="ben")
    found = kept(harness, evidence="none", versions=0)
    (news,) = (one for one in found.values() if one.kind == "post")
    assert news.evidence is EvidencePolicy.NONE
    assert [one.text for one in news.sections] == ["Bref", "long"]
    assert roles(news) == {"admin": "author"}
    assert roles(found[f"t:{project}/wiki/Page"]) == {"ben": "editor"}
    assert roles(kept(harness)[f"t:{project}/wiki/Page"]) == {"ana": "author", "ben": "editor"}


def test_accounts_by_mail_or_number(harness: RedmineHarness, project: int) -> None:
    """A mail that Redmine hides leaves a number, which is nobody's login."""
    harness.server.page(project, "Page", "x", by="ana")
    page, number = f"t:{project}/wiki/Page", harness.server.user("ana")
    assert roles(kept(harness, account="id")[page]) == {f"#{number}": "author"}
    assert roles(kept(harness, account="mail")[page]) == {f"#{number}": "author"}
    hidden = list(harness.connector(account="mail").check())
    assert any("dont Redmine ne dit pas" in said for said in hidden)


@pytest.mark.parametrize("key", ["lecteur", "admin"])
@pytest.mark.parametrize("account", ["login", "id"])
def test_who_is_locked_reads_nothing(
    harness: RedmineHarness, project: int, key: str, account: str
) -> None:
    """Redmine still lists them as members; they may not log in."""
    server = harness.server
    server.page(project, "Page", "x", by="ben")
    options = harness.listed(account=account).options
    made = Snapshot(RedmineSource("t", options, KEYS[key], QUICK))
    page = f"t:{project}/wiki/Page"
    names = {login: f"#{server.user(login)}" if account == "id" else login for login in USERS}
    others = {names["lecteur"]} if key == "admin" else set()
    assert readers(apply(made.changes(None))[page]) == {names["ana"], names["dan"]} | others
    server.set_rows("UPDATE users SET status = 3 WHERE login = 'dan'")
    try:
        assert readers(apply(made.changes(None))[page]) == {names["ana"]} | others
    finally:
        server.set_rows("UPDATE users SET status = 1 WHERE login = 'dan'")


def test_what_changed_just_now_is_read_again(harness: RedmineHarness, project: int) -> None:
    """A second change of the same second would not be seen."""
    harness.server.issue(project, "demande")
    connector = harness.connector()
    harness.server.set_rows("UPDATE issues SET updated_on = datetime('now')")
    cursor = last_cursor(connector.changes(None))
    assert [c for c in connector.changes(cursor) if isinstance(c, Upsert)]
    harness.server.age()
    cursor = last_cursor(connector.changes(cursor))
    assert not [c for c in connector.changes(cursor) if isinstance(c, Upsert)]


def test_a_key_that_opens_nothing_is_refused(harness: RedmineHarness) -> None:
    """And an address that is no Redmine's."""
    options = harness.listed().options
    with pytest.raises(SourceRefused, match="clé d'API"):
        list(RedmineSource("t", options, "0" * 40, QUICK).listing())
    elsewhere = options.model_copy(update={"url": f"{harness.server.url}ailleurs/"})
    with pytest.raises(SourceRefused, match="clé d'API"):
        list(RedmineSource("t", elsewhere, KEYS["lecteur"], QUICK).listing())


@dataclass
class FakeHost:
    """A Redmine in a few answers: a project of two members, who see their own issues."""

    root: str = "https://r/"
    host: str = "r"
    answers: dict[str, Any] = field(default_factory=dict)
    issues: dict[int, dict[str, Any]] = field(default_factory=dict)
    at_once: int = 100
    now: datetime = datetime(2026, 3, 2, 8, tzinfo=UTC)
    broken: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        role = {"permissions": ["view_issues"], "issues_visibility": "own"}
        members = [{"user": {"id": number}, "roles": [{"id": 3}]} for number in (7, 8)]
        project = {"id": 1, "identifier": "p", "status": 1, "is_public": False,
                   "enabled_modules": [{"name": "issue_tracking"}]}  # fmt: skip
        self.answers |= {
            "users/current": {"user": {"id": 1}},
            "users/7": {"user": {"login": "jdupont"}},
            "users/8": {"user": {"login": "mdurand"}},
            "roles": {"roles": [{"id": 3}]},
            "roles/3": {"role": role},
            "projects": {"projects": [project], "total_count": 1},
            "projects/1/memberships": {"memberships": members},
        }

    def add(self, number: int, *notes: str) -> dict[str, Any]:
        said = [{"id": at, "notes": note, "private_notes": False, "user": {"id": 8}}
                for at, note in enumerate(notes)]  # fmt: skip
        row = {"id": number, "project": {"id": 1}, "tracker": {"name": "A"}, "is_private": False,
               "author": {"id": 7}, "updated_on": "2026-01-01T00:00:00Z"}  # fmt: skip
        self.issues[number] = row | {"journals": said}
        return self.issues[number]

    def request(
        self, method: str, url: str, params: Mapping[str, Any] | None = None, **_: object
    ) -> HttpResponse:
        path = url.removeprefix(self.root).removesuffix(".json")
        if path in self.broken:
            raise SourceUnreachable("Redmine r est en panne (réponse 500).")
        said = self.answers.get(path)
        if path == "issues":
            asked = (params or {}).get("issue_id", ">=0")
            named = {int(one) for one in asked.split(",")} if asked[0] != ">" else self.issues
            first = 0 if asked[0] != ">" else int(asked[2:])
            rows = [{k: v for k, v in one.items() if k != "journals"}
                    for number, one in sorted(self.issues.items())
                    if number >= first and number in named]  # fmt: skip
            said = {"issues": rows[: self.at_once], "total_count": len(rows)}
        elif path.startswith("issues/"):
            said = {"issue": self.issues[int(path.removeprefix("issues/"))]}
        headers = {"Date": format_datetime(self.now)}
        return HttpResponse(404 if said is None else 200, headers, json.dumps(said).encode())


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    made = FakeHost()
    monkeypatch.setattr("quisait_redmine.connector.HttpHost", lambda *_: made)
    return made


def of_fake(seen: MemorySeen | None = None, **options: object) -> Snapshot:
    given = {"url": "https://r/", "trackers": ["*"], "read": ["issues"]} | options
    made = RedmineSource("t", RedmineOptions.model_validate(given), "k")
    return Snapshot(made, seen or MemorySeen())


def texts(documents: Mapping[str, Document]) -> list[str]:
    return [one.text for made in documents.values() for one in made.sections]


@pytest.mark.parametrize(("days", "after_h"), [(1, 24), (7, 168), (0, 0)])
def test_a_note_made_private_later_is_read_no_more(fake: FakeHost, days: int, after_h: int) -> None:
    """Its issue's date stays as it was; all are read again within the days that are set."""
    (note,) = fake.add(5, "un secret")["journals"]
    seen = MemorySeen()
    first = list(of_fake(seen, notes_days=days).changes(None))
    assert texts(apply(first)) == ["un secret"]
    note["private_notes"] = True
    fake.now += timedelta(hours=after_h)
    changes = list(of_fake(seen, notes_days=days).changes(last_cursor(first)))
    assert texts(apply(changes, apply(first))) == []


def test_a_login_that_became_another_s_opens_nothing_of_the_first(fake: FakeHost) -> None:
    """The former holder's own issue stays closed; both logins are members before and after."""
    fake.add(5)
    connector = of_fake()
    first = list(connector.changes(None))
    before = apply(first)
    assert [readers(one) for one in before.values()] == [{"jdupont"}]
    fake.answers["users/7"], fake.answers["users/8"] = (
        fake.answers["users/8"], fake.answers["users/7"])  # fmt: skip
    after = apply(connector.changes(last_cursor(first)), before)
    assert [readers(one) for one in after.values()] == [{"mdurand"}]


def test_an_issue_that_redmine_cannot_show_stops_no_other(fake: FakeHost) -> None:
    """It is for nobody meanwhile, and asked for again; a Redmine that is away stops all."""
    for number in range(1, 10):
        fake.add(number, "note")
    fake.broken = {"issues/3"}
    connector = of_fake()
    first = list(connector.changes(None))
    assert len(apply(first)) == 8
    assert "t:1/issues/3" in [one.document_id for one in first if isinstance(one, Malformed)]
    fake.broken = set()
    assert len(apply(connector.changes(last_cursor(first)), apply(first))) == 9
    fake.broken = {f"issues/{number}" for number in range(1, 10)}
    with pytest.raises(SourceUnreachable):
        list(of_fake().changes(None))


def test_issues_that_come_fewer_at_once_are_all_read(fake: FakeHost) -> None:
    """Those left out would count as deleted."""
    for number in range(1, 8):
        fake.add(number)
    fake.at_once = 3
    assert len(apply(of_fake().changes(None))) == 7


def test_a_page_that_was_moved_is_not_read_at_its_former_name(fake: FakeHost) -> None:
    """Redmine leads to where it is now, whoever reads there."""
    project = fake.answers["projects"]["projects"][0]
    project["enabled_modules"] = [{"name": "wiki"}]
    fake.answers["projects/1/wiki/index"] = {"wiki_pages": [{"title": "Ici", "version": 1}]}
    fake.answers["projects/1/wiki/Ici"] = {"wiki_page": {"title": "Ailleurs", "text": "un secret"}}
    assert apply(of_fake(read=["wiki"]).changes(None)) == {}


def test_a_project_whose_members_are_hidden_is_closed_and_kept(fake: FakeHost) -> None:
    """All of its kinds, and not the first alone; it is said once."""
    project = fake.answers["projects"]["projects"][0]
    project["enabled_modules"] = [{"name": "wiki"}, {"name": "news"}]
    del fake.answers["projects/1/memberships"]
    changes = list(of_fake(read=["wiki", "news"]).changes(None))
    hidden = [one.root for one in changes if isinstance(one, SubtreeHidden)]
    assert hidden == ["t:1/news", "t:1/wiki"]
    assert sum(isinstance(one, Malformed) and one.where == "p" for one in changes) == 1


def test_the_authority_s_file_is_where_the_settings_are(tmp_path: Path) -> None:
    """And not where the service was started."""
    options = RedmineOptions(url="https://r/", ca_file="ca.pem")
    made = KIND.open(SourcePlace("t", tmp_path, Access(), lambda: "k"), options)
    assert isinstance(made, RedmineSource)
    assert made.ca_file == str(tmp_path / "ca.pem")


@pytest.mark.parametrize(
    "options",
    [
        {"url": "ftp://x/"},
        {"url": "https://a:b@x/"},
        {"url": "https://x/?a"},
        {"url": "https://x/", "groups": {"a": "pas un lecteur"}},
        {"url": "https://x/", "accounts": ["x"]},
        {"url": "https://x/", "read": ["forums"]},
    ],
    ids=str,
)
def test_settings_that_cannot_hold_are_refused(options: dict[str, object]) -> None:
    """Before anything is asked."""
    with pytest.raises(ValueError, match="validation error"):
        RedmineOptions.model_validate(options)


def test_texts_without_their_marks() -> None:
    """Headings, links of the wiki and macros; what a note quotes is not its author's."""
    text = "avant {{toc}}\r\n\r\nh1. Un [[Page|titre]]\r\n\r\nle texte"
    assert sections_of(text, "textile") == (
        Section("avant"),
        Section("le texte", "Un titre"),
    )
    assert sections_of("# Titre\n\nle texte", "markdown") == (Section("le texte", "Titre"),)
    assert own_words("Ana Essai a écrit :\n> la question\n\nla réponse") == "la réponse"


@given(st.text())
def test_whatever_a_text_holds_is_read(text: str) -> None:
    """In either form."""
    for form in ("textile", "markdown"):
        assert all(one.text or one.heading for one in sections_of(text, form))
    own_words(text)
