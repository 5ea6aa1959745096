"""The folder reader's particulars."""

import json
import os
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quisait_connector_kit.memory_seen import MemorySeen

from connectors.file_patterns import parse_selection
from connectors.folder.connector import FolderSource
from connectors.folder.rules import (
    MAX_RULE_BYTES,
    MAX_RULES,
    Rule,
    RuleScope,
    RuleTable,
    access_by_rule,
    parse_sidecar,
    parse_table,
    rule_and_ignored,
)
from connectors.folder.walk import walk
from connectors.ports import (
    AccessChanged,
    Change,
    Checkpoint,
    ContentStale,
    Delete,
    Listed,
    Listing,
    Malformed,
    RecordVanished,
    SourceUnreachable,
    SubtreeHidden,
    Upsert,
    is_under,
)
from connectors.snapshot import Snapshot
from connectors.titles import title_of_path
from connectors.values import MAX_PRINCIPALS, MAX_REPLACED, Access, Document, EvidencePolicy
from indexer.crawl.batches import prepare
from indexer.crawl.pipeline import crawl
from indexer.errors import DeletionsHeld
from indexer.extraction.in_process import InProcessExtractor
from tests.unit.test_pipeline import CrawlBench

pytestmark = pytest.mark.sources


SEEN = MemorySeen()


def read(root: Path, since: str | None = None, **settings: Any) -> list[Change]:
    return list(Snapshot(FolderSource("f", root, **settings), SEEN).changes(since))


def documents(changes: list[Change]) -> dict[str, Document]:
    return {c.document.id: c.document for c in changes if isinstance(c, Upsert)}


def cursor(changes: list[Change]) -> str:
    last = changes[-1]
    assert isinstance(last, Checkpoint)
    return last.cursor


def allowed(root: Path, **settings: Any) -> dict[str, set[str]]:
    found = documents(read(root, **settings))
    return {i.removeprefix("f:"): set(d.access.allowed) for i, d in found.items()}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("x.txt", "a/x.txt", "a/b/x.txt"):
        (tmp_path / name).write_text("texte")
    return tmp_path


@pytest.mark.trust
def test_deeper_and_later_rules_win_field_by_field(tree: Path) -> None:
    """A star stays in its folder, two reach below; deeper, later and sidecar rules win."""
    trusted = {"trusts_tables": True}
    (tree / "_quisait.csv").write_text("pattern,allowed,kind\n**,g:g:all,note\n*,everyone,\n")
    (tree / "a" / "_quisait.csv").write_text("pattern;allowed\n**/x.txt;g:g:a\nb/*;nobody\n")
    found = allowed(tree, **trusted)
    assert found == {"x.txt": {"everyone"}, "a/x.txt": {"g:g:a"}, "a/b/x.txt": set()}
    (tree / "a/b/x.txt.quisait.json").write_text('{"allowed": ["g:g:b"]}')
    assert allowed(tree, **trusted)["a/b/x.txt"] == {"g:g:b"}
    assert {d.kind for d in documents(read(tree)).values()} == {"note"}


@pytest.mark.trust
def test_who_writes_in_a_folder_adds_no_reader(tree: Path) -> None:
    """Neither by a table of a sub-folder nor by a sidecar: these take readers away, and say so."""
    (tree / "_quisait.csv").write_text(
        "pattern,allowed,denied,evidence\n**,g:g:all,g:g:out,none\n*,everyone,,\n"
    )
    (tree / "a" / "_quisait.csv").write_text(
        "pattern,allowed,kind,evidence\n**,everyone,note,yes\n"
    )
    (tree / "a/b/x.txt.quisait.json").write_text('{"allowed": ["g:g:all"], "denied": ["g:g:b"]}')
    (tree / "x.txt.quisait.json").write_text('{"allowed": ["g:g:all", "g:g:a"], "denied": []}')
    changes = read(tree)
    found = {i.removeprefix("f:"): one for i, one in documents(changes).items()}
    assert {
        name: (set(one.access.allowed), set(one.access.denied)) for name, one in found.items()
    } == {
        "x.txt": ({"g:g:all", "g:g:a"}, {"g:g:out"}),
        "a/x.txt": ({"g:g:all"}, {"g:g:out"}),
        "a/b/x.txt": ({"g:g:all"}, {"g:g:out", "g:g:b"}),
    }
    assert {one.kind for name, one in found.items() if name != "x.txt"} == {"note"}
    assert {one.evidence for one in found.values()} == {EvidencePolicy.NONE}
    assert [c.where for c in changes if isinstance(c, Malformed)] == ["a/_quisait.csv"]
    said = list(Snapshot(FolderSource("f", tree)).check())
    assert [one.partition(" : ")[0] for one in said] == ["a/_quisait.csv"]


@pytest.mark.trust
def test_rules_kept_outside_decide(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Then the root's table only narrows too; a table that cannot be read leaves no reader."""
    rules = tmp_path_factory.mktemp("hors") / "regles.csv"
    rules.write_text("pattern,allowed,denied\n**,g:g:all,g:g:out\na/b/*,everyone,g:g:out\n")
    (tree / "_quisait.csv").write_text(
        "pattern,allowed,denied\n**,everyone|g:g:all,\nx.txt,nobody,\n"
    )
    closed = {"x.txt": set(), "a/x.txt": {"g:g:all"}, "a/b/x.txt": {"everyone", "g:g:all"}}
    assert allowed(tree, rules=rules) == closed
    first = read(tree, rules=rules)
    assert all("g:g:out" in one.access.denied for one in documents(first).values())
    opened = FolderSource("f", tree, rules=rules).open_original("f:a/x.txt")
    assert opened is not None
    opened[1].file.close()
    assert opened[0] == Access(frozenset({"g:g:all"}), frozenset({"g:g:out"}))
    rules.write_text("pattern,allowed,denied\n**,g:g:few,g:g:out\n")
    changed = accesses(read(tree, cursor(first), rules=rules))
    assert {frozenset(one.allowed) for one in changed.values()} <= {
        frozenset({"g:g:few"}),
        frozenset(),
    }
    rules.unlink()
    assert not any(allowed(tree, rules=rules).values())
    assert {c.where for c in read(tree, rules=rules) if isinstance(c, Malformed)} >= {"regles.csv"}


_READERS = ["everyone", "g:g:a", "g:g:b", "g:g:c"]
_CELLS = st.lists(st.sampled_from(_READERS), max_size=3).map("|".join)
_TABLES = st.lists(
    st.tuples(
        st.sampled_from(["**", "*", "a/*", "a/b/*", "b/*", "**/x.txt"]),
        _CELLS | st.just("nobody"),
        _CELLS,
    ),
    max_size=3,
)


@pytest.mark.trust
@given(
    root=_TABLES,
    inner=st.dictionaries(st.sampled_from([(), ("a",), ("a", "b")]), _TABLES),
    sidecar=st.none() | st.tuples(_CELLS | st.just("nobody"), _CELLS),
    default=st.frozensets(st.sampled_from(_READERS)),
    outside=st.booleans(),
    token=st.sets(st.sampled_from(_READERS[1:])).map(lambda held: held | {"everyone"}),
)
def test_no_untrusted_table_adds_a_reader(
    root: list[tuple[str, str, str]],
    inner: dict[tuple[str, ...], list[tuple[str, str, str]]],
    sidecar: tuple[str, str] | None,
    default: frozenset[str],
    outside: bool,
    token: set[str],
) -> None:
    """In any tree of tables, all readers are also readers by the trusted table alone."""

    def parsed(
        rows: list[tuple[str, str, str]], folder: tuple[str, ...], trusted: bool
    ) -> RuleTable:
        lines = "".join(f"{','.join(row)}\n" for row in rows)
        table, _ = parse_table(f"pattern,allowed,denied\n{lines}".encode(), folder, trusted=trusted)
        return table

    path = ("a", "b", "x.txt")
    above = parsed(root, (), True)
    scope = RuleScope(Access(default), (above,) if outside else ())
    tables = [above] + [
        parsed(rows, folder, scope.trusts(folder))
        for folder, rows in sorted(inner.items())
        if folder or outside
    ]
    assert [table.trusted for table in tables] == [True] + [False] * (len(tables) - 1)
    own = None
    if sidecar:
        said = {"allowed": sidecar[0], "denied": sidecar[1]}
        own, _ = parse_sidecar(json.dumps(said).encode(), path[:-1])

    def admits(rule: Rule | None) -> bool:
        access = access_by_rule(rule, scope.default)
        return bool(access.allowed & token) and not access.denied & token

    if admits(rule_and_ignored(path, tables, own, scope)[0]):
        assert admits(rule_and_ignored(path, [above], None, scope)[0])


def test_a_rule_that_replaces_too_much_is_not_understood(tree: Path) -> None:
    """As many as may be: read; one more, or a path without end: nobody reads."""
    for count, length, fine in ((MAX_REPLACED, 3, True), (MAX_REPLACED + 1, 3, False),
                                (1, 2001, False)):  # fmt: skip
        names = "|".join("n" * length for _ in range(count))
        (tree / "_quisait.csv").write_text(f"pattern,allowed,replaces\n**,everyone,{names}\n")
        assert ({"everyone"} in allowed(tree).values()) is fine


@pytest.mark.trust
@pytest.mark.parametrize("column", ["allowed", "denied"])
def test_a_rule_of_too_many_principals_is_not_understood(tree: Path, column: str) -> None:
    """As many as may be: read; one more: nobody reads, and it is reported."""
    for count, fine in ((MAX_PRINCIPALS, True), (MAX_PRINCIPALS + 1, False)):
        names = [f"g:g:{number}" for number in range(count)]
        said = {"allowed": "everyone", "denied": ""} | {column: "|".join(names)}
        row = f"a/x.txt,{said['allowed']},{said['denied']}\n"
        (tree / "_quisait.csv").write_text(f"pattern,allowed,denied\n**,everyone,\n{row}")
        assert bool(allowed(tree)["a/x.txt"]) is fine
        assert allowed(tree)["x.txt"] == {"everyone"}
        (tree / "_quisait.csv").write_text("pattern,allowed\n**,everyone\n")
        sidecar = tree / "a" / "x.txt.quisait.json"
        sidecar.write_text(json.dumps({column: names}))
        assert bool(allowed(tree)["a/x.txt"]) is fine
        assert fine is not any(isinstance(one, Malformed) for one in read(tree))
        sidecar.unlink()


@pytest.mark.trust
@pytest.mark.parametrize(
    ("table", "open_still"),
    [
        ("pattern,allowed\n**,everyone\na/**,tous\n", {"x.txt"}),
        ("pattern,allowed\na/**,tous\n**,everyone\n", {"x.txt"}),
        ("pattern,allowed,denied\n**,everyone,\n*,,jdupont\n", {"a/x.txt", "a/b/x.txt"}),
        ("pattern,allowed\n**,everyone\n../*,g:g:a\n", set()),
        ("pattern,allowed\n**,everyone\n*\n", set()),
        ("pattern,allowed,what\n**,everyone,\n", set()),
        ("motif,allowed\n**,everyone\n", set()),
        ('pattern,allowed\n**,everyone\n"a,b\n', set()),
    ],
)
def test_a_rule_not_understood_leaves_nobody(tree: Path, table: str, open_still: set[str]) -> None:
    """What a broken rule may speak of is for nobody, wherever other rules stand."""
    (tree / "_quisait.csv").write_text(table)
    assert {name for name, readers in allowed(tree).items() if readers} == open_still
    assert any(isinstance(change, Malformed) for change in read(tree))


@pytest.mark.trust
def test_a_table_too_large_to_be_held_leaves_nobody(tree: Path) -> None:
    """Neither millions of rows nor of bytes are read into memory: what they say is not known."""
    head = "pattern,allowed\n**,everyone\n"
    (tree / "_quisait.csv").write_text(head + "x,everyone\n" * MAX_RULES)
    (tree / "a" / "b" / "_quisait.csv").write_text(head)
    with (tree / "a" / "b" / "_quisait.csv").open("ab") as table:
        table.truncate(MAX_RULE_BYTES + 1)
    assert {name for name, readers in allowed(tree).items() if readers} == set()
    told = [change.where for change in read(tree) if isinstance(change, Malformed)]
    assert told == ["_quisait.csv", "a/b/_quisait.csv"]


@pytest.mark.trust
def test_default_access_does_not_heal_a_broken_rule(tree: Path) -> None:
    """Default readers hold where no rule speaks, never where one is broken."""
    (tree / "x.txt.quisait.json").write_text("{")
    connector = Snapshot(FolderSource("f", tree, Access(frozenset({"everyone"}))))
    kept = documents(list(connector.changes(None)))
    assert {i: bool(d.access.allowed) for i, d in kept.items()} == {
        "f:a/b/x.txt": True, "f:a/x.txt": True, "f:x.txt": False,
    }  # fmt: skip


@pytest.mark.trust
def test_access_change_alone(tree: Path) -> None:
    """New rules yield access changes only, for the files that they change."""
    (tree / "_quisait.csv").write_text("pattern,allowed\n**,everyone\n")
    first = read(tree)
    (tree / "_quisait.csv").write_text("pattern,allowed\n**,everyone\na/*,g:g:a\n")
    rest = [c for c in read(tree, cursor(first)) if not isinstance(c, Listing | Checkpoint)]
    assert rest == [AccessChanged("f:a/x.txt", Access(frozenset({"g:g:a"})))]


@pytest.mark.trust
def test_nothing_is_followed_out_of_the_root(
    tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Links, pipes, hidden files, locks and rules are no documents; loops end."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.txt").write_text("secret")
    (tree / "out").symlink_to(outside)
    (tree / "secret.txt").symlink_to(outside / "secret.txt")
    (tree / "again.txt").symlink_to(tree / "x.txt")
    (tree / "a" / "loop").symlink_to(tree)
    os.mkfifo(tree / "pipe")
    for name in (".hidden", "~$x.docx", ".~lock.x.odt#", "Thumbs.db"):
        (tree / name).write_text("x")
    assert sorted(allowed(tree)) == ["a/b/x.txt", "a/x.txt", "x.txt"]


@pytest.mark.trust
def test_a_file_exchanged_for_a_link_is_not_read(
    tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Between listing and reading, neither a vanished file nor a link leads anywhere."""
    source = FolderSource("f", tree)
    listed = {one.id: one for one in source.listing() if isinstance(one, Listed)}
    secret = tmp_path_factory.mktemp("outside") / "secret"
    secret.write_text("secret")
    (tree / "x.txt").unlink()
    (tree / "a" / "x.txt").unlink()
    (tree / "a" / "x.txt").symlink_to(secret)
    for name in ("f:x.txt", "f:a/x.txt"):
        content = source.read(listed[name]).content
        assert content is not None
        with pytest.raises(RecordVanished):
            content.read()


def test_decomposed_and_undecodable_names(tmp_path: Path) -> None:
    """Ids are composed and can be encoded; the file behind opens under its own name."""
    (tmp_path / unicodedata.normalize("NFD", "été.txt")).write_text("un")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt")).write_text("deux")
    kept = documents(read(tmp_path))
    assert {i: d.content.read() for i, d in kept.items() if d.content} == {
        "f:été.txt": b"un", "f:caf\\xe9.txt": b"deux",
    }  # fmt: skip


def test_a_missing_root_is_unreachable(tmp_path: Path) -> None:
    """An unmounted share, or a file in its place, never looks like an empty source."""
    (tmp_path / "file").write_text("x")
    for name in ("absent", "file"):
        with pytest.raises(SourceUnreachable):
            read(tmp_path / name)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Root may read everything: act as nobody for a while."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(was)


def listed(changes: list[Change], *ids: str) -> tuple[str, ...]:
    """The folders that could not be listed, after a check that these documents may be there."""
    (listing,) = (change for change in changes if isinstance(change, Listing))
    assert all(map(listing.membership(), ids))
    return listing.unlisted


def test_what_may_not_be_read_is_not_deleted() -> None:
    """A file or folder without permission is reported and stays listed."""
    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        root.chmod(0o755)
        (root / "shut").mkdir()
        for name in ("x.txt", "y.txt", "shut/z.txt"):
            (root / name).write_text("texte")
        first = read(root)
        (root / "y.txt").chmod(0)
        (root / "shut").chmod(0)
        with unprivileged():
            rest = read(root, cursor(first))
            anew = read(root)
        (root / "shut").chmod(0o755)
    assert listed(rest, "f:x.txt", "f:y.txt", "f:shut/z.txt") == ("f:shut",)
    assert not [c for c in rest if isinstance(c, SubtreeHidden)]
    assert {c.document_id for c in rest if isinstance(c, Malformed)} == {"f:y.txt", "f:shut"}
    assert Listing(frozenset({"f:x.txt", "f:y.txt"}), ("f:shut",)) in anew
    assert SubtreeHidden("f:shut") in anew, (
        "by what it was read is not known: nobody, until it is listed"
    )


def test_a_folder_whose_names_alone_may_be_read_deletes_nothing() -> None:
    """Its names are listed, and nothing is told of what bears them."""
    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        root.chmod(0o755)
        (root / "names" / "deep").mkdir(parents=True)
        for name in ("names/x.txt", "names/deep/y.txt"):
            (root / name).write_text("texte")
        first = read(root)
        (root / "names").chmod(0o444)
        with unprivileged():
            rest = read(root, cursor(first))
            anew = read(root)
        (root / "names").chmod(0o755)
    unknown = ("f:names/deep",)
    assert listed(rest, "f:names/x.txt", "f:names/deep/y.txt") == unknown
    assert Listing(frozenset({"f:names/x.txt"}), unknown) in anew
    assert not [c for c in (*rest, *anew) if isinstance(c, Delete)]


def test_a_folder_that_was_never_read_withholds_no_deletion(tmp_path: Path) -> None:
    """As `lost+found`, or one that is too deep: what is deleted elsewhere goes all the same."""
    for name in ("x.txt", "y.txt"):
        (tmp_path / name).write_text("texte")
    first = read(tmp_path)
    (tmp_path / "y.txt").unlink()
    too_deep = tmp_path.joinpath(*["d"] * 201)
    too_deep.mkdir(parents=True)
    (too_deep / "z.txt").write_text("texte")
    unknown = ("f:" + "/".join(["d"] * 201),)
    for since in (cursor(first), None):
        assert Listing(frozenset({"f:x.txt"}), unknown) in read(tmp_path, since)


@given(st.text("ab/:", max_size=8), st.lists(st.text("ab/:", max_size=5), max_size=4))
def test_a_subtree_is_the_ids_that_continue_its_root(name: str, roots: list[str]) -> None:
    """Folder by folder, whatever their number."""

    def below(root: str) -> bool:
        return name == root or name.startswith(root if root.endswith(":") else f"{root}/")

    assert is_under(name, frozenset(roots)) == any(map(below, roots))
    assert [SubtreeHidden(root).contains(name) for root in roots] == list(map(below, roots))


def test_a_disk_that_never_answers_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a share whose server is gone: the reading ends, with a sentence."""
    (tmp_path / "mort").mkdir()
    opening, over = os.open, Event()

    def silent_below(path: str, flags: int, *, dir_fd: int | None = None) -> int:
        if path == "mort":
            over.wait()
        return opening(path, flags, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", silent_below)
    with pytest.raises(SourceUnreachable, match="montage"):
        list(walk(tmp_path, timeout_s=0.5))
    over.set()


@pytest.mark.trust
@pytest.mark.parametrize("narrowed", [False, True])
def test_what_lies_in_a_folder_without_permission_follows_the_tables_above_it(
    narrowed: bool,
) -> None:
    """Its own table cannot be read: where those above changed nobody reads, until it is listed."""
    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        root.chmod(0o755)
        (root / "shut" / "deep").mkdir(parents=True)
        for name in ("x.txt", "shut/y.txt", "shut/deep/z.txt"):
            (root / name).write_text("texte")
        (root / "_quisait.csv").write_text("pattern,allowed\n**,everyone\n")
        (root / "shut/deep/_quisait.csv").write_text("pattern,allowed\n**,g:g:deep\n")
        first = read(root, trusts_tables=True)
        (root / "shut").chmod(0)
        if narrowed:
            (root / "_quisait.csv").write_text("pattern,allowed\n**,g:g:few\n")
        with unprivileged():
            second = read(root, cursor(first), trusts_tables=True)
            third = read(root, cursor(second), trusts_tables=True)
        (root / "shut").chmod(0o755)
        fourth = read(root, cursor(third), trusts_tables=True)
    few, deep = Access(frozenset({"g:g:few"})), Access(frozenset({"g:g:deep"}))
    assert accesses(second) == ({"f:x.txt": few} if narrowed else {})
    assert (SubtreeHidden("f:shut") in second) == narrowed
    assert accesses(third) == {}
    assert SubtreeHidden("f:shut") not in third
    reopened = {"f:shut/y.txt": few, "f:shut/deep/z.txt": deep}
    read_again = {name: made.access for name, made in documents(fourth).items()}
    assert read_again == (reopened if narrowed else {})


def accesses(changes: list[Change]) -> dict[str, Access]:
    return {c.document_id: c.access for c in changes if isinstance(c, AccessChanged)}


def test_what_may_not_be_read_keeps_no_readers() -> None:
    """Read from the beginning, nobody knows which text is kept of a file without permission."""
    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        root.chmod(0o755)
        (root / "y.txt").write_text("texte")
        (root / "y.txt").chmod(0)
        (root / "_quisait.csv").write_text("pattern,allowed\n**,g:g:a\n")
        with unprivileged():
            anew = read(root)
    assert ContentStale("f:y.txt") in anew
    assert not [change for change in anew if isinstance(change, AccessChanged | Upsert)]


@pytest.mark.trust
def test_brackets_in_a_pattern_are_those_of_the_name(tmp_path: Path) -> None:
    """A rule for «[RH] Paie» narrows that folder, and no other."""
    for name in ("[RH] Paie", "R Paie"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.txt").write_text("texte")
    rules = "pattern,allowed\n**,everyone\n[RH] Paie/**,g:g:rh\n"
    (tmp_path / "_quisait.csv").write_text(rules)
    assert allowed(tmp_path) == {"[RH] Paie/x.txt": {"g:g:rh"}, "R Paie/x.txt": {"everyone"}}


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("note_de_service-2024.docx", "Note de service-2024"),
        ("guide-pratique-cadastre.pdf", "Guide pratique cadastre"),
        ("2042-C-PRO.pdf", "2042-C-PRO"),
        ("compte rendu 3.5.odt", "Compte rendu 3.5"),
    ],
)
def test_titles_are_readable(name: str, title: str) -> None:
    """A file's name becomes a title, form numbers untouched."""
    assert title_of_path(f"a/{name}") == title


@pytest.mark.parametrize(
    ("include", "exclude", "taken"),
    [
        ((), ("*.png",), {"a.txt", "Archives/b.txt", "x/archives/c.TXT", "x/y/d.txt"}),
        ((), ("archives",), {"a.txt", "photo.PNG", "x/y/d.txt"}),
        ((), ("/archives/",), {"a.txt", "photo.PNG", "x/archives/c.TXT", "x/y/d.txt"}),
        (("x/**",), ("x/y",), {"x/archives/c.TXT"}),
        (("*.txt",), ("x",), {"a.txt", "Archives/b.txt"}),
    ],
)
def test_patterns_say_which_files_are_read(
    tmp_path: Path, include: tuple[str, ...], exclude: tuple[str, ...], taken: set[str]
) -> None:
    """By a file's name or a folder's, whatever the case; the original opens for no other."""
    names = ("a.txt", "photo.PNG", "Archives/b.txt", "x/archives/c.TXT", "x/y/d.txt")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("texte")
    folder = FolderSource("f", tmp_path, selection=parse_selection(include, exclude))
    changes = Snapshot(folder).changes(None)
    listing = next(change for change in changes if isinstance(change, Listing))
    assert {one.partition(":")[2] for one in listing.document_ids} == taken
    assert folder.count_pending(None) == len(taken)
    for name in names:
        opened = folder.open_original(f"f:{name}")
        assert (opened is not None) == (name in taken)
        if opened:
            opened[1].file.close()


@pytest.mark.parametrize("pattern", ["", "../a", "a//b", "a**b", "\\a"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="motif"):
        parse_selection((), (pattern,))


@pytest.mark.trust
@pytest.mark.parametrize("full", [False, True])
def test_what_is_left_out_later_is_closed_then_removed(tmp_path: Path, full: bool) -> None:
    """At once by the few; where the guard holds the removal, nobody reads it meanwhile."""
    (tmp_path / "state").mkdir()
    crawls = CrawlBench(tmp_path / "state")

    def readers() -> dict[str, Access]:
        return {entry.document_id: entry.access for entry in crawls.index.scan("f")}

    root = tmp_path / "tree"
    for number in range(30):
        (root / f"d{number % 2}").mkdir(parents=True, exist_ok=True)
        (root / f"d{number % 2}" / f"{number}.txt").write_text("texte")
    everyone = Access(frozenset({"everyone"}))
    crawl(Snapshot(FolderSource("f", root, everyone)), crawls.dependencies)
    assert len(readers()) == 30
    fewer = Snapshot(FolderSource("f", root, everyone, parse_selection((), ("d0",))))
    with pytest.raises(DeletionsHeld):
        crawl(fewer, crawls.dependencies, full=full, guard_share=0.1)
    assert {one for one, access in readers().items() if access.allowed} == {
        f"f:d1/{number}.txt" for number in range(1, 30, 2)
    }
    crawl(
        Snapshot(FolderSource("f", root, everyone)), crawls.dependencies, guard_share=0.1
    )  # it was a slip
    assert all(access == everyone for access in readers().values())
    crawl(fewer, crawls.dependencies, guard_share=1.0)
    assert len(readers()) == 15


def test_a_folder_gives_its_files_an_address(tmp_path: Path) -> None:
    """By the source's setting; a rule's own goes before it."""
    for name in ("à b.txt", "c.txt"):
        (tmp_path / name).write_text("texte")
    (tmp_path / "_quisait.csv").write_text("pattern,url\nc.txt,https://regle/{path}\n")
    changes = Snapshot(FolderSource("f", tmp_path, link="https://partage/{path}")).changes(None)
    urls = {change.document.url for change in changes if isinstance(change, Upsert)}
    assert urls == {"https://partage/%C3%A0%20b.txt", "https://regle/c.txt"}


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("README.md", "README"),
        ("guides/caisse/README.md", "Caisse – README"),
        ("comptes_rendus/2023.odt", "Comptes rendus – 2023"),
        ("notes/v1.2/index.html", "V1.2 – Index"),
        ("notes/régie \u202efdp.exe", "Régie fdp"),
    ],
)
def test_a_name_that_says_nothing_has_its_folder_in_front(path: str, title: str) -> None:
    assert title_of_path(path) == title


def test_the_file_names_itself_before_its_path_does(tmp_path: Path) -> None:
    """A rule's title, the file's own, then its name; what a file says is cleaned and bounded."""
    extractor = InProcessExtractor()
    texts = {
        "README.md": "---\ntitle: Ouvrir une régie\n---\n# Autre\n\nDu texte.",
        "tva.md": "# La TVA\u202e des régies\n\nDu texte.",
        "long.md": f"# {'mot ' * 100}\n\nDu texte.",
        "page.html": "<title>Le &lt;b&gt; cadastre</title><h1>Autre</h1>Du texte.",
        "tard.html": "<p>Du texte.</p><h1>Trop tard</h1><p>Du texte.</p>",
        "dit.md": "# Non\n\nDu texte.",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "_quisait.csv").write_text("pattern,title\ndit.md,La règle\n")
    found = [
        c.document
        for c in Snapshot(FolderSource("f", tmp_path)).changes(None)
        if isinstance(c, Upsert)
    ]
    titles = {one.id: prepare(one, extractor).document.title for one in found}
    extractor.close()
    assert titles == {
        "f:README.md": "Ouvrir une régie", "f:tva.md": "La TVA des régies", "f:long.md": "Long",
        "f:page.html": "Le <b> cadastre", "f:tard.html": "Tard", "f:dit.md": "La règle",
    }  # fmt: skip
