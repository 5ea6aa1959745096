"""A source entered step by step: what is asked, refused, written; a trial in its own process."""

import os
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from quisait_desk.page_limits import PageLimits
from quisait_desk.settings_addition import add_table, source_table
from quisait_desk.source_entries import entered_by_command, typed_values
from quisait_desk.source_forms import OPTIONS, kind_form, offered_kinds
from quisait_desk.sources import DeskSources
from quisait_desk.trial_child import _bounded, _environment, tried_apart
from quisait_desk.values import SourceIncomplete, SourceStep, TriedDocument
from typer.testing import CliRunner

from connectors.values import Agent, Group
from expertise.directory import SqlDirectory
from quisait import cli
from quisait.application.database import migrate, opened_database
from quisait.application.opening import Opening
from quisait.settings import ExtractorSettings, load_settings
from quisait.settings.sources import SourceSettings
from search_api.audit.sql import SqlAudit
from tests.builders import Listed
from tests.git_repository import Work

pytestmark = [pytest.mark.sources, pytest.mark.trust]

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
FILE = """# En tête.
folder = "etat"   # à moi

[desk]
{desk}
[directory]
agents = "agents.csv"

# La première.
[[sources]]
name = "wiki"
kind = "mediawiki"
url = "https://wiki.example/api.php"
user = "robot"
password_file = "secrets/wiki"
"""
OTHERS = """[[sources]]
name = "la-suite"
kind = "push"
file_hosts = { "https://drive.exemple" = "secrets/drive" }

[[sources]]
name = "code"
kind = "git"

[sources.options]
url = "git@forge.exemple:a/b.git"
ssh_key_file = "secrets/autre"

[[sources]]
name = "rh"
kind = "folder"
path = "rh"
"""
WRITES = 'sources = "write"\nhosts = ["a", "h", "hote", "ged", "n", "imap", "*.interne.fr", "::1"]'
TWO_AGENTS = Listed(
    Agent("ag-1", "Jo", "Un"),
    Agent("ag-2", "Lou", "Deux"),
    Group("annuaire:group:fraude", "Fraude", frozenset({"ag-1", "ag-2"})),
)
FOLDER = {"kind": "folder", "name": "notes", "path": "notes", "allowed": "tous les agents"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "quisait.toml").write_text(FILE.format(desk=WRITES), "utf-8")
    (tmp_path / "notes").mkdir()
    for name in ("secrets", "etat", ".cache"):
        (tmp_path / name).mkdir()
    (tmp_path / "notes" / "a.md").write_text("Le bornage.", "utf-8")
    monkeypatch.setenv("QUISAIT_FILE", str(tmp_path / "quisait.toml"))
    return tmp_path


@pytest.fixture
def book(tmp_path: Path) -> Iterator[SqlDirectory]:
    engine = migrate(sa.create_engine(f"sqlite:///{tmp_path / 'state.sqlite'}"))
    made = SqlDirectory(engine)
    made.replace(TWO_AGENTS)
    yield made
    engine.dispose()


@pytest.fixture
def sources(folder: Path, book: SqlDirectory) -> DeskSources:
    return DeskSources(load_settings(), book)


def faults(sources: DeskSources, entered: dict[str, str]) -> tuple[str, dict[str, str]]:
    """The step to mend, and by field what is wrong there."""
    form = sources.first_fault(entered, SourceStep.OPTIONS)
    if form is None:
        return "", {}
    return form.step, {one.key: one.fault for one in form.fields if one.fault}


def test_a_step_has_no_fault_before_it_was_shown(sources: DeskSources) -> None:
    entered = {"kind": "folder"}
    assert sources.first_fault(entered, SourceStep.KIND) is None
    assert sources.first_fault(entered, SourceStep.PLACE) is not None


def test_every_kind_is_described_and_asks_no_secret() -> None:
    """Each built-in and installed kind has a description and labelled fields, none a password."""
    kinds = {one.name: one for one in offered_kinds()}
    installed = {
        *("cmis", "feed", "git", "hyperkitty", "lists", "mailbox", "matrix", "redmine", "site"),
        *("rt", "smb", "wagtail", "webdav", "wordpress"),
    }
    assert set(kinds) >= {"folder", "export", "mediawiki", "push"} | installed
    assert "questions" not in kinds
    for name, kind in kinds.items():
        assert kind.label, name
        assert kind.about.endswith("."), name
        form = kind_form(name)
        assert {one.key for one in form.of_step(SourceStep.PLACE)} >= {"name"}
        secret = [one.name for one in form.fields if "password" in one.name]
        assert all(one.endswith("_file") for one in secret), name
        asked = {one.key.removeprefix(OPTIONS) for one in form.fields}
        assert asked & {"url", "host", "path", "lists", "database"} or name == "push"


@pytest.mark.parametrize(
    ("entered", "step", "key", "said"),
    [
        ({"name": ""}, "place", "name", "À remplir"),
        ({"name": "Mes Notes"}, "place", "name", "minuscules"),
        ({"name": "wiki"}, "place", "name", "s’appelle déjà"),
        ({"name": "la_suite"}, "place", "name", "aux tirets près"),
        ({"name": "questions"}, "place", "name", "questions posées"),
        ({"path": ""}, "place", "path", "À remplir"),
        ({"path": "/etc/ssl"}, "place", "path", "dossier du système"),
        ({"path": "/var"}, "place", "path", "dossier du système"),
        ({"path": "rh/conges"}, "place", "path", "« rh » lit déjà"),
        ({"path": "file:///srv"}, "place", "path", "pas une adresse"),
        ({"path": "."}, "place", "path", "fichiers de quisait"),
        ({"path": "/"}, "place", "path", "fichiers de quisait"),
        ({"path": "secrets"}, "place", "path", "fichiers de quisait"),
        ({"path": "notes/../etat/index"}, "place", "path", "fichiers de quisait"),
        ({"path": ".cache"}, "place", "path", "caché"),
        ({"allowed": "n'importe qui"}, "readers", "allowed", "n’est pas un lecteur"),
        ({"every": "souvent"}, "options", "every", "durée"),
        ({"trust": "beaucoup"}, "options", "trust", "nombre"),
        ({"trust": "inf"}, "options", "trust", "nombre"),
        ({"trust": "9"}, "options", "trust", "au plus 2"),
        ({"include": "a\n../b"}, "options", "include", ""),
    ],
)
def test_each_fault_is_told_at_its_step(
    sources: DeskSources, entered: dict[str, str], step: str, key: str, said: str
) -> None:
    """The form shows a sentence beside the field at fault."""
    add_table(OTHERS, NOW)  # since this process started
    found = faults(sources, FOLDER | entered)
    assert found[0] == step
    assert set(found[1]) == {key}
    assert said in found[1][key]
    assert found[1][key].endswith(".")


@pytest.mark.parametrize(
    ("kind", "entered", "step", "key", "said"),
    [
        ("site", {"options.url": "file:///etc/passwd"}, "place", "options.url", "https://"),
        ("site", {"options.url": "ftp://a/"}, "place", "options.url", "https://"),
        ("webdav", {"options.url": "https://a:mdp@h/"}, "place", "options.url", "retirés"),
        (
            "webdav",
            {"options.url": "https://n/remote.php/dav/files/x/", "options.server": "nextcloud"},
            "account",
            "options.user",
            "manque",
        ),
        (
            "webdav",
            {"options.url": "https://n/", "options.user": "u", "password_file": "../clef"},
            "account",
            "password_file",
            "« secrets »",
        ),
        (
            "webdav",
            {"options.url": "https://n/", "options.user": "u", "password_file": "secrets/wiki"},
            "account",
            "password_file",
            "autre source",
        ),
        (
            "webdav",
            {
                "options.url": "https://n/",
                "options.user": "u",
                "password_file": "secrets/server__token_key",
            },
            "account",
            "password_file",
            "« secrets »",
        ),
        (
            "webdav",
            {"options.url": "https://n/", "options.user": "u", "password_file": "secrets/futur"},
            "account",
            "password_file",
            "« secrets/essai »",
        ),
        (
            "lists",
            {"options.lists.0.nom": "c", "options.lists.0.path": "/etc/passwd"},
            "place",
            "options.lists.0.path",
            "système",
        ),
        ("lists", {}, "place", "options.lists.0.nom", ""),
        ("git", {"options.url": "/etc"}, "place", "options.url", "système"),
        ("git", {"options.url": "depots/prive.git"}, "place", "options.url", "de quisait"),
        ("git", {"options.url": "FILE:///etc"}, "place", "options.url", "pas une adresse"),
        (
            "git",
            {"options.url": "git@h:a/b.git"},
            "options",
            "options.ssh_key_file",
            "clé de cette source",
        ),
        (
            "git",
            {"options.url": "ssh://h/a", "options.ssh_key_file": "/home/x/clef"},
            "options",
            "options.ssh_key_file",
            "« secrets »",
        ),
        (
            "git",
            {"options.url": "ssh://h/a", "options.ssh_key_file": "secrets/autre"},
            "options",
            "options.ssh_key_file",
            "autre source",
        ),
        (
            "git",
            {"options.url": "https://h/a", "options.rules": "secrets/wiki"},
            "options",
            "options.rules",
            "de quisait",
        ),
        (
            "git",
            {"options.url": "https://h/a", "options.work": "notes"},
            "options",
            "options.work",
            "ne choisit pas",
        ),
        (
            "webdav",
            {"options.url": "https://n/", "options.user": "u", "password_file": "secrets/drive"},
            "account",
            "password_file",
            "autre source",
        ),
        (
            "webdav",
            {"options.url": "https://n/", "options.user": "u", "password_file": "secrets/a\0b"},
            "account",
            "password_file",
            "nom d’un fichier",
        ),
        (
            "mailbox",
            {"options.host": "imap", "options.user": "u", "options.folders": "INBOX = nul part"},
            "readers",
            "options.folders",
            "",
        ),
    ],
)
def test_addresses_and_files_that_a_page_may_not_name(
    sources: DeskSources, kind: str, entered: dict[str, str], step: str, key: str, said: str
) -> None:
    """No file by an address, no metadata, no secret of another, no file of the system."""
    add_table(OTHERS, NOW)  # since this process started
    found = faults(sources, {"kind": kind, "name": "essai"} | entered)
    assert (found[0], set(found[1])) == (step, {key})
    assert said in found[1][key]


@pytest.mark.parametrize(
    ("kind", "key", "written"),
    [
        ("site", "options.url", "http://169.254.169.254/"),
        ("site", "options.url", "http://168.63.129.16/"),
        ("site", "options.url", "http://[64:ff9b::a9fe:a9fe]/"),
        ("site", "options.url", "https://interne.fr/"),
        ("site", "options.url", "https://h.evil.example/"),
        ("site", "options.url", "https://xinterne.fr/"),
        ("site", "options.url", "https://evil.example\\h/"),
        ("site", "options.url", "https://evil.example#.interne.fr/"),
        ("site", "options.url", "https://h\t.evil.example/"),
        ("site", "options.sitemaps", "https://h/a.xml\nhttps://evil.example/b.xml"),
        ("feed", "options.feeds", "http://evil.example/feed"),
        ("hyperkitty", "options.core_url", "http://127.0.0.1:9200/"),
        ("mediawiki", "url", "http://[fe80::1]/api.php"),
        ("mailbox", "options.host", "169.254.169.254"),
        ("mailbox", "options.host", "evil.example"),
        ("smb", "options.url", "smb://evil.example/partage"),
        ("git", "options.url", "https://evil.example/a.git"),
        ("git", "options.url", "evil.example:a/b.git"),
    ],
)
def test_the_desk_asks_only_hosts_of_the_settings(
    sources: DeskSources, kind: str, key: str, written: str
) -> None:
    """Whatever setting names it, and however it is written."""
    form = kind_form(kind)
    found = sources._faults(form, {"kind": kind, "name": "essai", key: written})
    assert "[desk] hosts" in found[key] or "adresse simple" in found[key]


@pytest.mark.parametrize(
    ("kind", "key", "written"),
    [
        ("site", "options.url", "https://h/x?a=b#c"),
        ("site", "options.url", "https://H:8443"),
        ("site", "options.url", "https://www.interne.fr/"),
        ("site", "options.url", "http://[::1]:80/"),
        ("site", "options.sitemaps", "plan.xml\nhttps://h/a.xml"),
        ("smb", "options.url", "smb://h/Mon partage"),
        ("mailbox", "options.host", "imap"),
        ("git", "options.url", "git@h:a/b.git"),
        ("folder", "link", "https://fichiers.exemple/{path}"),
    ],
)
def test_the_desk_asks_these_hosts(sources: DeskSources, kind: str, key: str, written: str) -> None:
    """By their name, on any port; a link is shown and not asked."""
    limits = PageLimits(sources.settings)
    assert not list(limits.faults(kind_form(kind), {"name": "essai", key: written}))


def test_a_repository_is_read_in_the_desks_folders_alone(
    folder: Path, book: SqlDirectory, sources: DeskSources
) -> None:
    """Where none is set, none is read."""
    entered = FOLDER | {"kind": "git", "options.url": "notes"}
    assert "[desk] folders" in faults(sources, entered)[1]["options.url"]
    (folder / "quisait.toml").write_text(FILE.format(desk='folders = ["notes"]'), "utf-8")
    allowed = DeskSources(load_settings(), book)
    assert faults(allowed, entered) == ("", {})
    elsewhere = entered | {"options.url": ".cache"}
    assert "[desk] folders" in faults(allowed, elsewhere)[1]["options.url"]


def test_a_password_in_an_address_is_not_shown_again(sources: DeskSources) -> None:
    entered = {"kind": "site", "name": "s", "options.url": "https://u:très-secret@hote/"}
    with pytest.raises(SourceIncomplete) as raised:
        sources.addition(entered)
    assert "très-secret" not in repr(raised.value.form)
    assert "très-secret" not in str(raised.value)
    for step in SourceStep:
        assert "très-secret" not in repr(sources.form(step, entered, checked=False)), step


def test_folders_are_those_that_the_settings_leave(folder: Path, book: SqlDirectory) -> None:
    """`[desk] folders` opens these alone, hidden ones too, and never quisait's own."""
    text = FILE.format(desk='folders = ["notes", "etat", ".cache"]')
    (folder / "quisait.toml").write_text(text, "utf-8")
    sources = DeskSources(load_settings(), book)
    assert faults(sources, FOLDER) == ("", {})
    assert faults(sources, FOLDER | {"path": ".cache"}) == ("", {})
    assert "[desk] folders" in faults(sources, FOLDER | {"path": "/srv"})[1]["path"]
    assert "de quisait" in faults(sources, FOLDER | {"path": "etat"})[1]["path"]
    fields = sources.form(SourceStep.PLACE, {"kind": "folder"}, checked=False).fields
    (path,) = (one for one in fields if one.key == "path")
    assert path.suggestions == (str(folder / "notes"), str(folder / ".cache"))
    (folder / "notes" / "lien").symlink_to("/etc")
    assert "[desk] folders" in faults(sources, FOLDER | {"path": "notes/lien"})[1]["path"]


def test_quisaits_files_are_known_by_another_name(folder: Path, sources: DeskSources) -> None:
    """As the system numbers them: a hard link to the settings here, a mounted folder elsewhere."""
    (folder / "notes" / "autre.jsonl").hardlink_to(folder / "quisait.toml")
    entered = {"kind": "export", "name": "e", "options.path": "notes/autre.jsonl"}
    assert "de quisait" in faults(sources, entered)[1]["options.path"]


def test_a_folder_of_a_server_is_none_of_this_machine(folder: Path, book: SqlDirectory) -> None:
    """`[desk] folders` says nothing of what a CMIS server calls a folder."""
    text = FILE.format(desk='folders = ["notes"]\nhosts = ["ged"]')
    (folder / "quisait.toml").write_text(text, "utf-8")
    entered = {"options.url": "https://ged/cmis", "options.user": "u", "options.folder": "/Sites"}
    found = faults(
        DeskSources(load_settings(), book), {"kind": "cmis", "name": "ged", "allowed": ""} | entered
    )
    assert found == ("", {})


def test_who_runs_a_command_names_any_folder(sources: DeskSources) -> None:
    """The machine's administrator reads these files anyway."""
    machine = DeskSources(sources.settings, sources.book, desk=False)
    assert faults(machine, FOLDER | {"path": "/etc/ssl"}) == ("", {})


def test_going_back_keeps_what_was_entered(sources: DeskSources) -> None:
    """In fields where they are asked, hidden elsewhere; nothing is left out."""
    entered = FOLDER | {"trust": "1,5", "include": "*.md"}
    for step in kind_form("folder").steps:
        form = sources.form(step, entered, checked=False)
        values = dict(form.kept) | {one.key: one.value for one in form.fields}
        chosen = {"kind": "folder"} if step is SourceStep.KIND else {}
        assert {key: (values | chosen)[key] for key in entered} == entered


def test_what_is_typed_becomes_settings() -> None:
    """Rows, lists of readers, pairs, numbers with a comma, and nobody by name."""
    lists = {
        "kind": "lists",
        "name": "listes",
        "options.lists.0.nom": "cadastre",
        "options.lists.0.path": "c.mbox",
        "options.lists.0.readers": "tous les agents",
        "options.lists.2.nom": "rh",
        "options.lists.2.path": "r.mbox",
        "options.lists.2.readers": "Personne",
        "options.domains": "a.fr\n b.fr ",
        "options.evidence": "yes",
        "trust": "0,5",
        "join": "email",
    }
    assert typed_values(kind_form("lists"), lists) == {
        "name": "listes",
        "trust": 0.5,
        "join": ["email"],
        "options": {
            "lists": {
                "cadastre": {"path": "c.mbox", "readers": ["everyone"]},
                "rh": {"path": "r.mbox", "readers": []},
            },
            "domains": ["a.fr", "b.fr"],
        },
    }
    boxes = {"options.folders": "INBOX = acl\nINBOX/a=b = ldap:group:x | tous\nvide ="}
    assert typed_values(kind_form("mailbox"), boxes)["options"]["folders"] == {
        "INBOX": "acl",
        "INBOX/a=b": ["ldap:group:x", "everyone"],
        "vide": [],
    }


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values: st.SearchStrategy[Any] = st.recursive(
    texts | st.booleans() | st.integers(-9, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@given(options=st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), values, max_size=4))
def test_the_table_says_what_was_entered(options: dict[str, Any]) -> None:
    """Whatever was typed: it is read back as it is, and ends nowhere else in the file."""
    source = {"name": "x", "kind": "folder", "allowed": ["everyone"], "options": options}
    read = tomllib.loads(FILE.format(desk=WRITES) + "\n" + source_table(source, "27 novembre 2026"))
    assert read["sources"][-1] == {k: v for k, v in source.items() if v or k != "options"}
    assert len(read["sources"]) == 2


def test_the_file_keeps_its_comments_order_and_mode(folder: Path, sources: DeskSources) -> None:
    """All that was there stays where it was; the copy is the file of before."""
    file = folder / "quisait.toml"
    before = file.read_bytes()
    file.chmod(0o640)
    added = sources.write(FOLDER)
    assert file.read_bytes() == before + b"\n" + added.text.encode()
    assert Path(added.backup).read_bytes() == before
    assert {path.stat().st_mode & 0o777 for path in (file, Path(added.backup))} == {0o640}
    assert [one.name for one in load_settings().sources] == ["wiki", "notes"]
    assert sources.unread_sources() == ["notes"]
    with pytest.raises(SourceIncomplete):
        sources.write(FOLDER)


def test_ends_of_lines_are_those_of_the_file(folder: Path, sources: DeskSources) -> None:
    file = folder / "quisait.toml"
    file.write_bytes(FILE.format(desk=WRITES).rstrip().replace("\n", "\r\n").encode())
    sources.write(FOLDER)
    assert b"\n" not in file.read_bytes().replace(b"\r\n", b"")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('sources = [{ name = "a", kind = "push" }]\n', "« sources = »"),
        ("[server\n", "TOML"),
        ('[mail]\nhost = "smtp"\n', "réglages ne seraient plus lus"),
    ],
)
def test_a_file_that_would_not_be_read_is_left_alone(
    folder: Path, sources: DeskSources, text: str, said: str
) -> None:
    """The settings file keeps its text, and no backup copy is made."""
    file = folder / "quisait.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=said):
        sources.write(FOLDER)
    assert file.read_text("utf-8") == text
    assert [one.name for one in folder.iterdir() if one.name.startswith("quisait.toml")] == [
        "quisait.toml"
    ]


def test_where_it_may_not_be_written(
    folder: Path, sources: DeskSources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is read-only on purpose, sources of the environment, or the settings' word."""
    file = folder / "quisait.toml"
    before = file.read_bytes()
    file.chmod(0o444)
    assert "lecture seule" in sources.addition(FOLDER).locked
    with pytest.raises(ValueError, match="lecture seule"):
        sources.write(FOLDER)
    file.chmod(0o600)
    assert sources.addition(FOLDER).locked == ""
    text = FILE.format(desk='sources = "show"')
    file.write_text(text, "utf-8")
    assert "[desk]" in DeskSources(load_settings(), sources.book).addition(FOLDER).locked
    file.write_bytes(before)
    monkeypatch.setenv("QUISAIT_SOURCES", "[]")
    assert "QUISAIT_SOURCES" in sources.addition(FOLDER).locked


def test_a_table_is_added_by_one_writer_at_a_time(folder: Path) -> None:
    """The second is refused where its name is there by now, and nothing is lost."""
    for name in ("a", "b"):
        add_table(source_table({"name": name, "kind": "push"}, "x"), NOW)
    with pytest.raises(ValueError, match="même nom"):
        add_table(source_table({"name": "a", "kind": "push"}, "x"), NOW)
    assert [one.name for one in load_settings().sources] == ["wiki", "a", "b"]
    copies = sorted(folder.glob("*.bak"), key=lambda one: one.stat().st_size)
    assert ['name = "a"' in one.read_text("utf-8") for one in copies] == [False, True]


def test_a_trial_keeps_nothing(folder: Path, sources: DeskSources) -> None:
    """No file is made or changed; documents come with date, authors and readers."""

    def seen() -> dict[str, float]:
        return {str(one): one.stat().st_mtime for one in folder.rglob("*") if one.is_file()}

    before = seen()
    found = sources.attempt(FOLDER)
    assert seen() == before
    assert (found.stopped, found.expected) == ("", 1)
    (document,) = found.documents
    assert (document.filename, document.allowed) == ("a.md", ("everyone",))
    assert document.characters
    assert not document.unread
    assert document.modified is not None


def test_a_trial_ends_in_time_and_says_so() -> None:
    """A server that accepts and never answers: its process is ended, nothing waits for it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/api.php"
        source = SourceSettings(name="muet", kind="mediawiki", options={"url": url})
        found = tried_apart(source, ExtractorSettings(), time_limit_s=4)
    assert found.documents == ()
    assert found.stopped


def test_a_trial_has_neither_the_servers_keys_nor_its_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The child is handed its own password alone; beyond its memory it ends."""
    for name in ("SERVER__TOKEN_KEY", "PASSWORD_WIKI", "PASSWORD_MES_NOTES", "DATABASE_PASSWORD"):
        monkeypatch.setenv(f"QUISAIT_{name}", "secret")
    kept = {name for name in _environment("mes-notes") if name.startswith("QUISAIT_")}
    assert kept - {"QUISAIT_FILE"} == {"QUISAIT_PASSWORD_MES_NOTES"}
    greedy = (
        "import quisait_desk.trial_child as child, io, sys\n"
        "sys.stdin = io.StringIO('{}')\n"
        "child._signs = lambda asked: iter([('missing', 'x' * (2 << 30))])\n"
        "child._child()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", greedy], capture_output=True, text=True, env=dict(os.environ)
    )
    assert ended.returncode
    assert "MemoryError" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_trial_shows_no_document_of_endless_readers() -> None:
    """Its readers are not cut: one that is left out could be one who may not read it."""
    readers = tuple(f"a:account:{number:0>90}" for number in range(2_000))
    one = TriedDocument("s:1", "t", "", "", None, ("everyone",), readers, (), 0, "")
    assert list(_bounded(iter([("documents", one)]))) == [("unread", ("s:1", ANY))]


def test_readers_are_told_in_words(sources: DeskSources) -> None:
    """As the directory knows them; a stranger is nobody, and braces are no format."""
    asked = [
        "everyone",
        "annuaire:group:fraude",
        "agent:ag-1",
        "annuaire:group:{num}",
        "wiki:account:x",
    ]
    assert list(sources.in_words(asked).values()) == [
        "tous les agents",
        "le groupe fraude (2 agents)",
        "l’agent Jo Un",
        "annuaire:group:{num}, que l’annuaire ne connaît pas : personne",
        "le compte x (personne d’ici : aucun agent n’a ce compte)",
    ]
    assert sources.authors_in_words(["notes:ana"]) == {"notes:ana": "ana (compte sans agent)"}


def test_a_command_enters_the_same() -> None:
    """An option without its prefix; a setting that is given twice has two lines."""
    given_settings = ["name=s", "url=https://h/", "sections=/a/ = x:group:y", "sections=/b/ = tous"]
    assert entered_by_command("site", given_settings) == {
        "kind": "site",
        "name": "s",
        "options.url": "https://h/",
        "options.sections": "/a/ = x:group:y\n/b/ = tous",
    }
    with pytest.raises(ValueError, match="réglages de cette sorte : name"):
        entered_by_command("site", ["adresse=x"])
    with pytest.raises(ValueError, match="inconnue"):
        entered_by_command("ftp", [])


def test_a_command_tries_asks_and_adds(folder: Path) -> None:
    """What it shows is what the desk has; it writes once it is told to, and is written down."""
    (folder / "agents.csv").write_text("id,given_name,family_name\n", "utf-8")
    given_settings = ["folder", "name=notes", "path=notes", "allowed=tous les agents"]
    before = (folder / "quisait.toml").read_text("utf-8")
    command = ["source", "add", *given_settings, "--untried"]
    for answer in ("n\n", "\n", ""):
        refused = CliRunner().invoke(cli.app, command, input=answer)
        assert refused.exit_code == 1
        assert "Rien n'est écrit." in refused.output
    assert (folder / "quisait.toml").read_text("utf-8") == before
    added = CliRunner().invoke(cli.app, command, input="oui\n")
    assert added.exit_code == 0, added.output
    assert [one.name for one in load_settings().sources] == ["wiki", "notes"]
    again = CliRunner().invoke(cli.app, ["source", "try", *given_settings])
    assert again.exit_code == 1
    with opened_database(load_settings(), Opening.READ) as database:
        newest = SqlAudit(database, lambda: NOW).newest(2)
    assert [(one.reading, one.subject) for one in newest] == [
        ("quisait source try", "source:notes"),
        ("quisait source add", "source:notes"),
    ]


def test_a_trial_of_a_repository_leaves_no_copy(folder: Path, book: SqlDirectory) -> None:
    """What a kind copies to read it goes with the trial."""
    (folder / "quisait.toml").write_text(FILE.format(desk='folders = ["doc.git"]'), "utf-8")
    sources = DeskSources(load_settings(), book)
    work = Work(folder)
    work.write("a.md", "Le bornage.")
    work.push("ana")
    entered = FOLDER | {"kind": "git", "name": "pages", "options.url": "doc.git"}
    found = sources.attempt(entered)
    assert (found.stopped, len(found.documents)) == ("", 1)
    assert not (folder / "depots").exists()
