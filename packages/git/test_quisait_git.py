"""Pages of real repositories, with the history that git tells, and hostile ones."""

import os
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quisait_connector_kit.connector_contract import ConnectorHarness, apply, last_cursor, read
from quisait_connector_kit.memory_seen import MemorySeen
from quisait_git.connector import GitSource
from quisait_git.local import _BIG_BYTES
from quisait_git.options import GitOptions
from quisait_git.repository import RepositoryCopy, _cut

from connectors.ports import (
    Change,
    Listing,
    Malformed,
    SourceError,
    SourceRefused,
    SourceUnreachable,
    Upsert,
)
from connectors.snapshot import Snapshot
from connectors.values import (
    Access,
    Contribution,
    ContributorRole,
    Document,
    Section,
)
from tests.contract.connector_harnesses import complete_document

pytestmark = pytest.mark.sources

ANA, BEN, CYD = "Ana Le Goff <ana@a.fr>", "Ben <BEN@a.fr>", "Cyd <cyd@b.fr>"
DAY_S = 86_400
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n"


@dataclass
class GitHarness:
    """A bare repository. What was changed is committed when the next reading begins."""

    folder: Path
    files: dict[bytes, tuple[str, bytes]] = field(default_factory=dict)
    rules: dict[str, str] = field(default_factory=dict)
    resumable_count: int = 110
    moment: int = 1_600_000_000
    seen: MemorySeen = field(default_factory=MemorySeen)
    _committed: dict[bytes, tuple[str, bytes]] | None = None

    def __post_init__(self) -> None:
        self.git("init", "--quiet", "--bare", "--initial-branch=doc", str(self.path))

    @property
    def path(self) -> Path:
        return self.folder / "dépôt d'essai.git"

    def git(self, *arguments: str, said: bytes = b"") -> str:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            **({"GIT_DIR": str(self.path)} if self.path.exists() else {}),
        }
        done = subprocess.run(
            ["git", *arguments],
            input=said,
            env=environment,
            capture_output=True,
            check=True,
            cwd=self.folder,
        )
        return done.stdout.decode().strip()

    def commit(
        self,
        author: str = ANA,
        message: str = "texte",
        *,
        onto: str = "refs/heads/doc",
        new: bool = False,
    ) -> str:
        """Everything as it is now in `files`, a day after the last."""
        self.moment += DAY_S
        parent = [] if new or not self._exists(onto) else [f"from {onto}^0"]
        lines = [f"commit {onto}", f"author {author} {self.moment} +0000",
                 f"committer {author} {self.moment} +0000",
                 f"data {len(message.encode())}", message, *parent, "deleteall"]  # fmt: skip
        stream = ("\n".join(lines) + "\n").encode()
        for path, (mode, content) in self.files.items():
            escaped = path.replace(b"\\", b"\\\\").replace(b"\n", b"\\n")
            quoted = b'"%s"' % escaped
            stream += b"M %s inline %s\n" % (mode.encode(), quoted)
            stream += b"data %d\n%s\n" % (len(content), content)
        self.git("fast-import", "--quiet", "--force", said=stream)
        self._committed = dict(self.files)
        return self.git("rev-parse", onto)

    def _exists(self, ref: str) -> bool:
        return bool(self.git("for-each-ref", ref))

    def write(self, name: str, text: str | bytes, mode: str = "100644") -> None:
        content = text.encode() if isinstance(text, str) else text
        self.files[name.encode()] = (mode, content)

    def connector(self, **options: object) -> Snapshot:
        return Snapshot(self.listed(**options), self.seen)

    def listed(self, **options: object) -> GitSource:
        if self._committed != self.files:
            self.commit()
        lines = "".join(
            f'"{name}",{rule}{"" if "," in rule else "," * EXTRA.count(",")}\n'
            for name, rule in self.rules.items()
        )
        (self.folder / "regles.csv").write_text(f"pattern,allowed{EXTRA}\n{lines}", "utf-8")
        given = {"url": str(self.path), "rules": "regles.csv"} | options
        return GitSource("t", GitOptions.model_validate(given), Access(), self.folder)

    def document_id(self, name: str) -> str:
        return f"t:{name}"

    def add(self, name: str, text: str, allowed: tuple[str, ...]) -> None:
        self.write(name, text)
        self.set_readers(name, allowed)

    def set_readers(self, name: str, allowed: tuple[str, ...]) -> None:
        self.rules[name] = "|".join(allowed)

    def remove(self, name: str) -> None:
        del self.files[name.encode()]

    def add_invalid_records(self) -> int:
        self.write("plan.pdf", POINTER)
        self.files[b"latin\xe9.txt"] = ("100644", b"x")
        self.write("deux\nlignes.txt", "x")
        self.write("e\u0301.txt", "a")
        self.write("é.txt", "b")
        return 4

    def add_complete_document(self) -> Document:
        name = "Études & plans/été 100 %#1.txt"
        self.write(name, "corps")
        self.rules[name] = COMPLETE
        oid = self.git("hash-object", "--stdin", said=b"corps")
        made = complete_document(
            f"t:{name}",
            sections=(Section("été 100 %#1.txt"), Section("corps")),
            version=f"{oid}:{self._written()}",
            url="https://f.example/%C3%89tudes%20%26%20plans/%C3%A9t%C3%A9%20100%20%25%231.txt",
            label="jdupont",
        )
        return replace(made, modified=datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC))

    def _written(self) -> str:
        """Return the digest in the version for the author of the next commit."""
        from quisait_git.connector import _digest

        day = datetime.fromtimestamp(self.moment + DAY_S, tz=UTC).date()
        return _digest((contribution("ana@a.fr", "AUTHOR", "Ana Le Goff", 1, day, day),))


EXTRA = (
    ",denied,kind,space,author,entity,area,valid_from,valid_until,replaces,part_of,created,"
    "modified,title,language,evidence,url"
)
COMPLETE = (
    "everyone|test:group:a,test:agent:x,note,Cadastre,jdupont,DGFiP/DDFiP 22,22,2020-01-01,"
    "2021-01-01,ancien.txt,dossier.txt,2019-05-04,2001-09-09T01:46:40Z,L’été,br,none,"
    "https://f.example/{path}"
)


def contribution(
    mail: str, role: str, label: str, count: int, first: date, last: date
) -> Contribution:
    years = {first.year: 1, last.year: count} if first.year != last.year else {last.year: count}
    made = ContributorRole[role]
    return Contribution(f"t:{mail}", made, label, count, first, last, tuple(sorted(years.items())))


@pytest.fixture
def harness(tmp_path: Path) -> GitHarness:
    return GitHarness(tmp_path)


def test_contract(connector_check: Callable[[ConnectorHarness], None], harness: GitHarness) -> None:
    """Every check of the contract, on a repository that git reads."""
    connector_check(harness)


def roles(document: Document) -> dict[str, tuple[str, int]]:
    return {
        one.account.removeprefix("t:"): (one.role.value, one.count)
        for one in document.contributions
    }


def documents(connector: Snapshot) -> dict[str, Document]:
    return {name.removeprefix("t:"): one for name, one in apply(connector.changes(None)).items()}


@pytest.mark.parametrize("history", ["whole", "light"])
def test_who_wrote_each_page(harness: GitHarness, history: str) -> None:
    """The first is its author, others edit it; a mailmap, co-authors, a program of the forge."""
    harness.git("config", "uploadpack.allowFilter", "true")
    harness.write("guide.md", "# Bornage\n")
    harness.commit(ANA)
    harness.write("guide.md", "# Bornage\n\nDeux parcelles.\n")
    harness.commit(BEN, f"suite\n\nCo-authored-by: {CYD}\nCo-authored-by: personne\n")
    harness.write("guide.md", "# Bornage\n\nTrois parcelles.\n")
    harness.commit("Ana <ana@perso.example>")
    harness.write("guide.md", "# Bornage\n\nQuatre parcelles.\n")
    harness.commit("renovate[bot] <29139614+renovate[bot]@users.noreply.github.com>")
    harness.write(".mailmap", "Ana Le Goff <ana@a.fr> <ana@perso.example>\nCyd R. <cyd@b.fr>\n")
    made = documents(harness.connector(history=history))["guide.md"]
    bot = "29139614+renovate[bot]@users.noreply.github.com"
    assert roles(made) == {
        "ana@a.fr": ("author", 2),
        "ben@a.fr": ("editor", 1),
        "cyd@b.fr": ("editor", 1),
        bot: ("bot", 1),
    }
    assert {one.label for one in made.contributions} >= {"Ana Le Goff", "Cyd R."}
    start = datetime(2020, 9, 14, 12, 26, 40, tzinfo=UTC)
    assert (made.created, made.modified) == (start, start.replace(day=17))
    assert made.contributions[1].first == date(2020, 9, 14)
    assert made.contributions[1].last == date(2020, 9, 16)


def test_a_renamed_page_keeps_its_history(harness: GitHarness) -> None:
    """And what later takes its former name does not."""
    text = "".join(f"La parcelle {number} se borne.\n" for number in range(30))
    harness.write("ancien nom.md", text)
    harness.commit(ANA)
    first = list(harness.connector().changes(None))
    del harness.files[b"ancien nom.md"]
    harness.write("doc/nouveau.md", text + "Une ligne de plus.\n")
    harness.commit(BEN)
    harness.write("ancien nom.md", "Autre chose, sans rapport.")
    harness.commit(CYD)
    changes = list(harness.connector().changes(last_cursor(first)))
    kept = apply(changes, apply(first))
    assert roles(kept["t:doc/nouveau.md"]) == {"ana@a.fr": ("author", 1), "ben@a.fr": ("editor", 1)}
    assert roles(kept["t:ancien nom.md"]) == {"cyd@b.fr": ("author", 1)}


def test_two_pages_that_exchange_their_names(harness: GitHarness) -> None:
    """Each is followed to where it was."""
    one, two = ("".join(f"{word} {n}\n" for n in range(30)) for word in ("bornage", "régie"))
    harness.write("1.md", one)
    harness.commit(ANA)
    harness.write("2.md", two)
    harness.commit(BEN)
    harness.write("1.md", two)
    harness.write("2.md", one)
    harness.write("3.md", "x")
    harness.commit(CYD)
    made = documents(harness.connector())
    # git tells an exchange as two changes: both are then edits by who exchanged them.
    assert roles(made["1.md"])["cyd@b.fr"] == ("editor", 1)
    assert roles(made["3.md"]) == {"cyd@b.fr": ("author", 1)}


def test_an_import_or_a_reformatting_names_nobody_as_knowing(harness: GitHarness) -> None:
    """Ignored commits and changes of a file's mode do not count either."""
    for number in range(6):
        harness.write(f"{number}.md", f"texte {number}")
    harness.commit(ANA)
    harness.write("0.md", "texte 0, corrigé")
    harness.commit(BEN)
    harness.write("1.md", "texte   1")
    reformatted = harness.commit(CYD)
    harness.write("2.md", "texte 2", "100755")
    harness.commit(CYD)
    harness.write(".git-blame-ignore-revs", f"# mise en forme\n{reformatted}\n")
    made = documents(harness.connector(bulk=5))
    assert roles(made["0.md"]) == {"ana@a.fr": ("uploader", 1), "ben@a.fr": ("editor", 1)}
    assert roles(made["1.md"]) == roles(made["2.md"]) == {"ana@a.fr": ("uploader", 1)}


def test_lists_of_the_repository_that_are_too_large_count_for_nothing(
    harness: GitHarness,
) -> None:
    """And stop no reading."""
    harness.add("a.md", "a", ("everyone",))
    for name in (".mailmap", ".git-blame-ignore-revs"):
        harness.write(name, "#" * ((1 << 20) + 1))
    changes = read(harness)
    assert set(apply(changes)) == {"t:a.md"}
    assert sorted(one.where for one in changes if isinstance(one, Malformed)) == [
        ".git-blame-ignore-revs",
        ".mailmap",
    ]


def test_contacts_of_any_length_are_read_at_once() -> None:
    """A million blanks, which no pattern may try two by two; an address is one of 254 at most."""
    from quisait_git.history import _contact, _person

    assert _contact("\u00a0" * 1_000_000 + "x") == ""
    assert _contact("Ana <ana@a.fr>") == "Ana <ana@a.fr>"
    assert _person("a" * 251 + "@a.f", "") is None


@given(st.lists(st.binary(max_size=5)))
def test_answers_are_cut_wherever_they_come_in_pieces(chunks: list[bytes]) -> None:
    """The parts are the same as those of the whole answer."""
    whole = b"".join(chunks).split(b"\0")
    assert list(_cut(iter(chunks), b"\0")) == (whole if whole[-1] else whole[:-1])


def test_a_shallow_repository_gives_no_wrong_authors(harness: GitHarness) -> None:
    """Its oldest commit seems to add every page; whoever made it wrote but one."""
    harness.write("a.md", "a")
    harness.commit(ANA)
    harness.write("b.md", "b")
    harness.commit(BEN)
    harness.write("b.md", "b, corrigé")
    harness.commit(CYD)
    shallow = harness.folder / "court.git"
    harness.git("clone", "-q", "--bare", "--depth=2", f"file://{harness.path}", str(shallow))
    connector = harness.connector(url=str(shallow))
    made = documents(connector)
    assert roles(made["a.md"]) == {}
    assert roles(made["b.md"]) == {"cyd@b.fr": ("editor", 1)}
    assert any("shallow" in said for said in connector.check())


def test_only_pages_that_a_commit_touched_are_read_again(harness: GitHarness) -> None:
    """If the branch is unchanged, nothing is read."""
    for number in range(20):
        harness.add(f"{number}.md", f"texte {number}", ("everyone",))
    cursor = last_cursor(read(harness))
    harness.write("4.md", "autre")
    changed = [c.document.id for c in read(harness, cursor) if isinstance(c, Upsert)]
    assert changed == ["t:4.md"]


@pytest.mark.parametrize("history", ["whole", "light"])
@pytest.mark.parametrize("killed", [False, True])
def test_a_forced_push_is_seen_and_not_kept(
    harness: GitHarness, monkeypatch: pytest.MonkeyPatch, history: str, killed: bool
) -> None:
    """Dropped files are deleted, also from the copy, even after a killed reading."""
    harness.git("config", "uploadpack.allowFilter", "true")
    harness.add("a.md", "a", ("everyone",))
    harness.add("secret.md", "un mot de passe", ("everyone",))
    first = list(harness.connector(history=history).changes(None))
    oid = harness.git("rev-parse", "doc:secret.md")
    del harness.files[b"secret.md"]
    harness.commit(ANA, new=True)
    connector = harness.connector(history=history)
    (harness.folder / "depots" / "t.git" / "quisait.before").write_text("")  # half written
    if killed:
        with monkeypatch.context() as patch:
            patch.setattr(RepositoryCopy, "_is_ancestor", _kill)
            with pytest.raises(KeyboardInterrupt):
                list(connector.changes(last_cursor(first)))
    kept = apply(connector.changes(last_cursor(first)), apply(first))
    assert set(kept) == {"t:a.md"}
    copy = harness.listed(history=history)._repository()
    assert copy.read_small([oid]) == {oid: b""}


def _kill(*_: object) -> bool:
    raise KeyboardInterrupt


@pytest.mark.parametrize("copy", ["whole", "light", "absent"])
def test_readers_are_taken_away_while_the_repository_is_away(
    harness: GitHarness, copy: str
) -> None:
    """By the copy that is kept; where there is none, from the whole source. None is added."""
    harness.git("config", "uploadpack.allowFilter", "true")
    history = "light" if copy == "light" else "whole"
    harness.add("a.md", "a", ("everyone",))
    harness.add("b.md", "b", ())
    first = list(harness.connector(history=history).changes(None))
    kept = apply(first)
    harness.set_readers("a.md", ())
    harness.set_readers("b.md", ("everyone",))
    connector = harness.connector(history=history)
    harness.path.rename(harness.folder / "ailleurs")
    harness.path.mkdir()
    if copy == "absent":
        shutil.rmtree(harness.folder / "depots")
    changes: list[Change] = []
    with pytest.raises(SourceRefused):
        changes.extend(connector.changes(last_cursor(first)))  # those before it fails stay
    narrowed = apply(changes, kept)
    assert {name: one.access for name, one in narrowed.items()} == {
        "t:a.md": Access(),
        "t:b.md": Access(),
    }
    harness.path.rmdir()
    (harness.folder / "ailleurs").rename(harness.path)
    opened = apply(connector.changes(last_cursor(changes)), narrowed)
    assert opened["t:b.md"].access == Access(frozenset({"everyone"}))
    harness.set_readers("a.md", ("everyone",))
    harness.set_readers("b.md", ())
    set_back = harness.connector(history=history).changes(last_cursor(changes))
    assert apply(set_back, narrowed) == kept


def test_rules_that_cannot_be_read_leave_no_reader(harness: GitHarness) -> None:
    """A missing table, a row that is none; a table in the repository counts for nothing."""
    harness.write("a.md", "a")
    harness.write("_quisait.csv", "pattern,allowed\n**,everyone\n")
    missing = harness.connector(rules="absente.csv")
    changes = list(missing.changes(None))
    assert [one.access for one in apply(changes).values()] == [Access()]
    assert [one.where for one in changes if isinstance(one, Malformed)] == ["absente.csv"]
    assert any("personne ne lira" in said for said in harness.connector().check())
    harness.rules["a.md"] = "pas un lecteur"
    changes = read(harness)
    assert [one.access for one in apply(changes).values()] == [Access()]
    assert [one.where for one in changes if isinstance(one, Malformed)] == ["regles.csv:2"]


def test_links_submodules_and_large_files_are_not_read(harness: GitHarness) -> None:
    """A link's target least of all: nothing of the repository is ever checked out."""
    (harness.folder / "secret.md").write_text("un secret de la machine")
    harness.add("a.md", "a", ("everyone",))
    harness.write("lien.md", str(harness.folder / "secret.md"), "120000")
    harness.write("gros.md", "x" * (1 << 20) + "y")
    harness.write(".gitattributes", "*.md filter=mal\n")
    harness.git("config", "filter.mal.smudge", f"touch {harness.folder}/mal")
    harness.commit()
    connector = harness.connector(most_file_mib=1)
    changes = list(connector.changes(None))
    assert set(apply(changes)) == {"t:a.md"}
    assert [one.where for one in changes if isinstance(one, Malformed)] == ["gros.md"]
    assert any("liens symboliques" in said for said in connector.check())
    assert not (harness.folder / "mal").exists()
    assert not list((harness.folder / "depots").rglob("*.md"))


@pytest.mark.parametrize("name", [b"..", b".", b".git", b"a\x01"])
def test_a_tree_that_leads_out_of_the_repository_is_not_followed(
    harness: GitHarness, name: bytes
) -> None:
    """Such a tree is no work of git; its entries are named, and the others arrive."""
    harness.write("a.md", "a")
    harness.commit()
    blob = harness.git("hash-object", "-w", "--stdin", said=b"x")
    inner = b"100644 b.md\0" + bytes.fromhex(blob)
    tree = harness.git("hash-object", "-t", "tree", "--literally", "-w", "--stdin", said=inner)
    outer = inner.replace(b"b.md", b"a.md") + b"40000 " + name + b"\0" + bytes.fromhex(tree)
    root = harness.git("hash-object", "-t", "tree", "--literally", "-w", "--stdin", said=outer)
    head = f"tree {root}\nauthor {ANA} 1700000000 +0000\ncommitter {ANA} 1700000000 +0000\n\nx\n"
    commit = harness.git("hash-object", "-t", "commit", "-w", "--stdin", said=head.encode())
    harness.git("update-ref", "refs/heads/doc", commit)
    changes = list(harness.connector().changes(None))
    assert set(apply(changes)) == {"t:a.md"}
    hidden = name == b".git"
    assert [one.where[-5:] for one in changes if isinstance(one, Malformed)] == (
        [] if hidden else ["/b.md"]
    )


def test_a_tree_of_endless_entries_is_refused(
    harness: GitHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few kilobytes name ten to the twelfth files."""
    monkeypatch.setattr("quisait_git.repository.MOST_ENTRIES", 1000)
    tree = harness.git("hash-object", "-w", "--stdin", said=b"x")
    kind = "100644 blob"
    for _ in range(12):
        rows = "".join(f"{kind} {tree}\t{n}.md\n" for n in range(10))
        tree, kind = harness.git("mktree", said=rows.encode()), "040000 tree"
    head = f"tree {tree}\nauthor {ANA} 1700000000 +0000\ncommitter {ANA} 1700000000 +0000\n\nx\n"
    commit = harness.git("hash-object", "-t", "commit", "-w", "--stdin", said=head.encode())
    harness.git("update-ref", "refs/heads/doc", commit)
    harness._committed = harness.files
    with pytest.raises(SourceRefused, match="fichiers"):
        list(harness.connector().changes(None))


def test_a_copy_that_is_too_large_is_stopped_and_removed(harness: GitHarness) -> None:
    """The disk is left as it was; the next reading begins anew."""
    harness.write("a.bin", os.urandom(4 << 20))
    harness.add("a.md", "a", ("everyone",))
    connector = harness.connector(most_mib=1)
    with pytest.raises(SourceRefused, match="most_mib"):
        list(connector.changes(None))
    assert not (harness.folder / "depots" / "t.git").exists()
    assert set(apply(harness.connector().changes(None))) == {"t:a.md"}


def test_a_light_copy_lacks_former_texts_and_large_files(harness: GitHarness) -> None:
    """Only what is read is brought here."""
    harness.git("config", "uploadpack.allowFilter", "true")
    harness.write("image.png", os.urandom(3 << 20))
    harness.add("a.md", "a", ("everyone",))
    connector = harness.connector(history="light")
    kept = apply(connector.changes(None))
    assert kept["t:a.md"].sections[-1].text == "a"
    size = sum(one.stat().st_size for one in (harness.folder / "depots").rglob("*.pack"))
    assert size < 1 << 20
    harness.write("b.md", "b")
    assert set(apply(harness.connector(history="light").changes(None))) == {"t:a.md", "t:b.md"}


def test_what_a_killed_or_broken_copy_left_is_no_obstacle(harness: GitHarness) -> None:
    """Locks of git, and objects that a disk lost: they are copied again."""
    harness.add("a.md", "a", ("everyone",))
    whole = apply(read(harness))
    copy = harness.folder / "depots" / "t.git"
    (copy / "refs" / "quisait" / "tip.lock").write_text("")
    (copy / "shallow.lock").write_text("")
    half = copy / "objects" / "pack" / ".tmp-1-pack-0.pack"
    half.write_text("")
    harness.add("b.md", "b", ("everyone",))
    assert len(apply(read(harness))) == len(whole) + 1
    assert not half.exists()
    for left in (lambda pack: b"", lambda pack: pack[: len(pack) // 2]):
        for pack in copy.rglob("*.pack"):
            pack.chmod(0o600)
            pack.write_bytes(left(pack.read_bytes()))
        with suppress(SourceUnreachable):  # git mends it, or it is made anew at the next reading
            read(harness)
        assert len(apply(read(harness))) == len(whole) + 1


@pytest.mark.parametrize(
    ("forge", "url", "expected"),
    [
        ("gitlab", "https://f.fr/e/p.git", "https://f.fr/e/p/-/blob/doc/a%20b/c.md"),
        ("gitlab", "git@f.fr:e/p.wiki.git", "https://f.fr/e/p/-/wikis/a%20b/c"),
        ("forgejo", "ssh://git@f.fr:2222/e/p", "https://f.fr/e/p/src/branch/doc/a%20b/c.md"),
        ("forgejo", "https://f.fr:3000/e/p.wiki.git", "https://f.fr:3000/e/p/wiki/a%20b/c"),
        ("github", "https://github.com/e/p", "https://github.com/e/p/blob/doc/a%20b/c.md"),
        ("", "https://f.fr/e/p", ""),
        ("gitlab", "depots/p.git", ""),
    ],
)
def test_a_page_is_opened_where_its_forge_shows_it(forge: str, url: str, expected: str) -> None:
    """By the address of the repository, or of its wiki."""
    options = GitOptions.model_validate({"forge": forge, "url": url})
    assert options.page_url("a b/c.md", "doc") == expected


def test_a_stated_link_goes_first() -> None:
    """With its places."""
    options = GitOptions(url="x", link="https://w.fr/{branch}?{page}#{path}")
    assert options.page_url("a/b.c.md", "d/e") == "https://w.fr/d/e?a/b.c#a/b.c.md"


@pytest.mark.parametrize(
    "options",
    [
        {"url": "--upload-pack=touch /tmp/x"},
        {"url": "ext::sh -c x"},
        {"url": "https://a:b@f.fr/x"},
        {"url": "https://a@f.fr/x"},
        {"url": "ssh://-oProxyCommand=x/y"},
        {"url": "ssh://-oProxyCommand=x@f.fr/y"},
        {"url": "-oProxyCommand=x:y"},
        {"url": "ftp://f.fr/x"},
        {"url": "https://f.fr/x y"},
        {"url": "https://f.fr/x?y"},
        {"url": "x", "branch": "--output=x"},
        {"url": "x", "branch": "a..b"},
        {"url": "x", "branch": "a:refs/heads/b"},
        {"url": "x", "branch": "a.lock"},
        {"url": "x", "user": "u"},
        {"url": "x", "include": ["a\\b"]},
        {"url": "x", "link": "javascript:x"},
    ],
    ids=str,
)
def test_settings_that_cannot_hold_are_refused(options: dict[str, object]) -> None:
    """Before git is asked: an address or a branch that it would read as an option, above all."""
    with pytest.raises(ValueError, match="1 validation error"):
        GitOptions.model_validate(options)


def test_a_branch_or_repository_that_is_not_there_is_said(harness: GitHarness) -> None:
    """Indexed documents stay."""
    harness.add("a.md", "a", ("everyone",))
    with pytest.raises(SourceRefused, match="branche"):
        list(harness.connector(branch="absente").changes(None))
    with pytest.raises(SourceUnreachable, match="introuvable"):
        list(harness.connector(url="absent.git").changes(None))
    (harness.folder / "vide").mkdir()
    with pytest.raises(SourceRefused):
        list(harness.connector(url="vide").changes(None))
    assert set(apply(harness.connector(branch="doc").changes(None))) == {"t:a.md"}


def _secret(folder: Path) -> Path:
    """Another repository of this machine, which this source must not read."""
    made = folder / "ailleurs" / "secret.git"
    made.parent.mkdir()
    other = GitHarness(made.parent)
    other.write("secret.md", "zanzibar")
    other.commit()
    other.path.rename(made)
    return made


def _by_git_file(given: Path, secret: Path) -> None:
    given.mkdir()
    (given / ".git").write_text(f"gitdir: {secret}\n", "utf-8")


def _by_git_file_in_bare(given: Path, secret: Path) -> None:
    shutil.copytree(secret, given)
    (given / ".git").write_text(f"gitdir: {secret}\n", "utf-8")


def _by_git_link(given: Path, secret: Path) -> None:
    given.mkdir()
    (given / ".git").symlink_to(secret)


def _by_common_folder(given: Path, secret: Path) -> None:
    given.mkdir()
    (given / "HEAD").write_text("ref: refs/heads/doc\n", "utf-8")
    (given / "commondir").write_text(f"{secret}\n", "utf-8")


def _emptied(given: Path, secret: Path) -> None:
    """The same branch, without the objects."""
    shutil.copytree(secret, given)
    shutil.rmtree(given / "objects")


def _by_alternates(given: Path, secret: Path) -> None:
    _emptied(given, secret)
    (given / "objects" / "info").mkdir(parents=True)
    (given / "objects" / "info" / "alternates").write_text(f"{secret}/objects\n", "utf-8")


def _by_linked_objects(given: Path, secret: Path) -> None:
    _emptied(given, secret)
    (given / "objects").symlink_to(secret / "objects")


def _by_linked_packs(given: Path, secret: Path) -> None:
    _emptied(given, secret)
    (given / "objects" / "info").mkdir(parents=True)
    for one in (secret / "objects").iterdir():
        if one.name != "info":
            (given / "objects" / one.name).symlink_to(one)


def _by_promisor(given: Path, secret: Path) -> None:
    _emptied(given, secret)
    (given / "objects").mkdir()
    (given / "config").write_text(
        "[core]\n\tbare = true\n\trepositoryformatversion = 1\n[extensions]\n\tpartialClone = o\n"
        f'[remote "o"]\n\turl = {secret}\n\tpromisor = true\n',
        "utf-8",
    )


def _by_a_similar_name(given: Path, secret: Path) -> None:
    given.mkdir()
    given.with_name(f"{given.name}.git").symlink_to(secret)


POINTERS = [
    *(_by_git_file, _by_git_file_in_bare, _by_git_link, _by_common_folder, _by_alternates),
    *(_by_linked_objects, _by_linked_packs, _by_promisor, _by_a_similar_name),
]


@pytest.mark.trust
@pytest.mark.parametrize("pointer", POINTERS, ids=lambda one: one.__name__.removeprefix("_by_"))
@pytest.mark.parametrize("history", ["whole", "light"])
def test_git_follows_no_pointer_to_another_repository(
    harness: GitHarness, pointer: Callable[[Path, Path], None], history: str
) -> None:
    """At each reading: who writes in the folder may lay one after the source was added."""
    secret = _secret(harness.folder)
    given = harness.folder / "donné"
    pointer(given, secret)
    found: list[Change] = []
    with pytest.raises(SourceRefused):
        found.extend(harness.connector(url=str(given), history=history).changes(None))
    assert not [one for one in found if isinstance(one, Upsert)]
    copies = harness.folder / "depots"
    assert not [one for one in copies.rglob("*") if one.suffix == ".pack"]


@pytest.mark.trust
def test_a_pointer_that_is_laid_later_is_refused(harness: GitHarness) -> None:
    """Indexed documents stay; the repository is read again once the pointer is removed."""
    harness.add("a.md", "a", ("everyone",))
    secret = _secret(harness.folder)
    first = read(harness)
    alternates = harness.path / "objects" / "info" / "alternates"
    alternates.write_text(f"{secret}/objects\n", "utf-8")
    with pytest.raises(SourceRefused, match="alternates"):
        list(harness.connector().changes(last_cursor(first)))
    alternates.unlink()
    assert not [
        one for one in harness.connector().changes(last_cursor(first)) if isinstance(one, Upsert)
    ]


SWAPS = {
    "alternates": (
        "mkdir -p objects/info; echo {secret}/objects > objects/info/alternates",
        "rm objects/info/alternates",
    ),
    "objects": ("mv objects own; ln -s {secret}/objects objects", "rm objects; mv own objects"),
    "pack": (
        "mv objects/pack own; ln -s {secret}/objects/pack objects/pack",
        "rm objects/pack; mv own objects/pack",
    ),
    "commondir": ("echo {secret} > commondir", "rm commondir"),
    "promisor": (
        "cp config own; git config -f config remote.o.promisor true; "
        "git config -f config remote.o.url {secret}",
        "mv own config",
    ),
    "folder": (
        "mv {given} {given}.own; ln -s {secret} {given}",
        "rm {given}; mv {given}.own {given}",
    ),
}
"""By name: what lays a pointer to another repository, and what takes it away."""


@pytest.mark.trust
@pytest.mark.parametrize("swap", SWAPS)
@pytest.mark.parametrize("history", ["whole", "light"])
def test_a_pointer_that_is_there_only_while_git_reads_is_not_followed(
    harness: GitHarness, monkeypatch: pytest.MonkeyPatch, swap: str, history: str
) -> None:
    """Looking before and after would see nothing of it."""
    secret, given = _secret(harness.folder), harness.folder / "donné"
    subprocess.run(["git", "-C", secret, "repack", "-adq"], check=True)
    _emptied(given, secret)
    (given / "objects" / "pack").mkdir(parents=True)
    laid, taken = (one.format(secret=secret, given=given) for one in SWAPS[swap])
    programs = harness.folder / "programmes"
    programs.mkdir()
    (programs / "git").write_text(
        f"""#!/bin/sh
case " $* " in
*" fetch "*|*" ls-remote "*) reads=1; (cd {given}; {laid}) ;;
esac
{shutil.which("git")} "$@"
status=$?
[ -z "$reads" ] || (cd {given.parent}; [ -L {given} ] || cd {given}; {taken})
exit $status
""",
        "utf-8",
    )
    (programs / "git").chmod(0o700)
    with monkeypatch.context() as during:
        during.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        found: list[Change] = []
        with suppress(SourceError):
            found.extend(harness.connector(url=str(given), history=history).changes(None))
    assert not [one for one in found if isinstance(one, Upsert)]
    copies = harness.folder / "depots"
    assert not [one for one in copies.rglob("*") if one.suffix == ".pack"]


@pytest.mark.parametrize("history", ["whole", "light"])
def test_big_packs_are_read_where_they_are(harness: GitHarness, history: str) -> None:
    """They are not copied first; nothing of the repository is left beside the copy."""
    harness.git("config", "uploadpack.allowFilter", "true")
    harness.add("a.md", "a " + os.urandom(2 << 20).hex(), ("everyone",))
    harness.commit()
    harness.git("repack", "-adq")
    assert max(one.stat().st_size for one in harness.path.rglob("*.pack")) > _BIG_BYTES
    kept = apply(harness.connector(history=history).changes(None))
    assert len(kept["t:a.md"].sections[-1].text) > 4 << 20
    assert {one.name for one in (harness.folder / "depots").iterdir()} == {"t.git", "t.git.verrou"}


def test_a_copy_with_its_files_is_read(harness: GitHarness) -> None:
    """By its `.git`, whether it or its folder is named."""
    harness.add("a.md", "a", ("everyone",))
    harness.commit()
    harness.git("clone", "-q", "--no-hardlinks", str(harness.path), str(harness.folder / "copie"))
    for url in ("copie", "copie/.git"):
        assert set(apply(harness.connector(url=url).changes(None))) == {"t:a.md"}


def test_what_the_settings_leave_out_is_deleted(harness: GitHarness) -> None:
    """And an address outside the domains counts for nobody."""
    harness.add("a.md", "a", ("everyone",))
    harness.add("vendor/b.md", "b", ("everyone",))
    harness.add("code.py", "c", ("everyone",))
    first = read(harness)
    changes = list(
        harness.connector(exclude=["vendor"], domains=["b.fr"]).changes(last_cursor(first))
    )
    kept = apply(changes, apply(first))
    assert set(kept) == {"t:a.md"}
    assert kept["t:a.md"].contributions == ()
    (listing,) = [c for c in changes if isinstance(c, Listing)]
    assert listing.is_left_out
    assert listing.is_left_out("t:vendor/b.md")


class _Forge(BaseHTTPRequestHandler):
    """git's own program for HTTP, behind an account, as a forge has it."""

    folder: Path

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path.startswith("/ailleurs/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/ailleurs"))
            self.end_headers()
            return
        if self.headers.get("Authorization") != f"Basic {b64encode(b'u:m').decode()}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic realm=essai")
            self.end_headers()
            return
        length = int(self.headers.get("Content-Length") or 0)
        done = subprocess.run(
            ["git", "http-backend"],
            input=self.rfile.read(length),
            capture_output=True,
            check=True,
            env={
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(self.folder),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "REQUEST_METHOD": self.command,
                "PATH_INFO": unquote(path),
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(length),
            },
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        lines = [line.split(": ", 1) for line in head.decode().split("\r\n")]
        status = next((int(value[:3]) for name, value in lines if name == "Status"), 200)
        self.send_response(status)
        for name, value in lines:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("history", ["whole", "light"])
def test_a_repository_behind_http_and_an_account(harness: GitHarness, history: str) -> None:
    """The password goes to the repository's own address, and no redirection is followed."""
    harness.git("config", "uploadpack.allowFilter", "true")
    harness.add("a.md", "a", ("everyone",))
    harness.commit()
    handler = type("Forge", (_Forge,), {"folder": harness.folder})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            root = f"http://127.0.0.1:{server.server_port}"
            path = quote(harness.path.name)

            def reading(url: str, password: str) -> Snapshot:
                made = harness.listed(url=url, user="u", history=history)
                return Snapshot(replace(made, password=password))

            kept = apply(reading(f"{root}/{path}", "m").changes(None))
            assert kept["t:a.md"].sections[-1].text == "a"
            assert any("en clair" in said for said in reading(f"{root}/{path}", "m").check())
            with pytest.raises(SourceRefused):
                list(reading(f"{root}/{path}", "faux").changes(None))
            with pytest.raises(SourceRefused):
                list(reading(f"{root}/ailleurs/{path}", "m").changes(None))
            written = "".join(
                one.read_text("utf-8", "replace")
                for one in (harness.folder / "depots").rglob("*")
                if one.is_file()
            )
            assert b64encode(b"u:m").decode() not in written
        finally:
            server.shutdown()


def hostile_tokens() -> st.SearchStrategy[list[bytes]]:
    head = st.builds(lambda t: b"\x01" + t.replace(b"\0", b""), st.binary(max_size=60))
    row = st.sampled_from([b":100644 100644 a b M", b"\n:000000 100644 a b A", b":1 1 a a R100"])
    return st.lists(head | row | st.sampled_from([b"a", b"b", b"\x01a", b"\n"]), max_size=12)


@given(hostile_tokens())
def test_whatever_a_log_says_is_read(tokens: list[bytes]) -> None:
    """Names of authors and of files may hold anything but a zero."""
    from quisait_git.history import histories

    found = histories(
        iter(tokens), [b"a", b"\x01a"], ignored=frozenset(), bulk=9, mapped=list,
        now=datetime.now(UTC),
    )  # fmt: skip
    assert set(found) == {b"a", b"\x01a"}
