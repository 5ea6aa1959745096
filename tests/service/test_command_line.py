"""The real `quisait` command, in processes of its own, on a small administration."""

import json
import os
import re
import signal
import sqlite3
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from quisait.settings import Settings
from quisait.settings.documentation import initial_file
from quisait.work.source_status import REMEDIES
from search_api.identity.tokens import SignedTokens
from tests.engines import ensure_tika
from tests.opensearch_index import engine_settings
from tests.service.place import POSTS, Place, export, make_place, post
from tests.service.running import wait_until

pytestmark = [pytest.mark.sources, pytest.mark.search, pytest.mark.experts]

SOUGHT = "xylophone-inavouable"


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A place whose sources were read once, as the first test shows. Tests leave it as it is."""
    place = make_place(tmp_path_factory.mktemp("command") / "place")
    done = place.run("crawl")
    (place.folder / "first-crawl.txt").write_text(done.stdout, "utf-8")
    return place


def test_init_writes_a_first_file_once(tmp_path: Path) -> None:
    """A file that a person may have edited is never overwritten."""
    place = Place(tmp_path, {})
    assert "quisait check" in place.run("init").stdout
    written = (tmp_path / "quisait.toml").read_text("utf-8")
    assert written == initial_file()
    tomllib.loads(written)
    key = tmp_path / "secrets" / "server__token_key"
    assert len(key.read_text().strip()) == 64
    assert (key.stat().st_mode & 0o777, key.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    signed = {one["name"]: one["passed"] for one in place.json("check", status=1)}
    assert signed["identité"]
    short = place.run("init", "--short", "--print").stdout
    assert len(short.splitlines()) <= 20
    examples = re.sub(r"(?m)^# (\[\[|\w+ =)", r"\1", short)
    assert Settings.model_validate(tomllib.loads(examples)).sources[0].kind == "folder"
    (tmp_path / "quisait.toml").write_text("folder = 'mine'\n")
    place.run("init", status=1)
    assert len(key.read_text().strip()) == 64
    assert (tmp_path / "quisait.toml").read_text() == "folder = 'mine'\n"


def test_check_of_a_new_folder_prepares_no_model(tmp_path: Path) -> None:
    """Without a source nothing is encoded: the check says so, and stays quick."""
    place = Place(tmp_path, {})
    place.run("init")
    found = {one["name"]: one["passed"] for one in place.json("check", status=1)}
    assert found["encodeur"]
    assert found["index"]
    assert not found["sources"]
    assert not list(tmp_path.glob(".quisait/model*"))
    assert not (tmp_path / ".quisait/index").exists()


def test_check_says_ok_of_each_part(crawled: Place) -> None:
    """One line each; what is only to be looked at is no failure."""
    lines = crawled.run("check").stdout.splitlines()
    states = [line[:6].strip() for line in lines]
    names = [line[6:].split(" : ")[0].strip() for line in lines]
    machine = ["dossier", "base d'état", "disque", "horloge", "ports", "limites"]
    parts = ["encodeur", "extracteur", "vecteurs gardés", "index", "secrets", "registre"]
    parts += ["accès", "sauvegarde", "annuaire", "lecture de l'annuaire", "classement"]
    sources = ["source notes", "source wiki", "documents de wiki"]
    assert names == [*machine, *parts, *sources, "identité"]
    to_review = [name for name, state in zip(names, states, strict=True) if state == "à voir"]
    assert to_review == ["sauvegarde", "documents de wiki"]
    assert {*states} == {"ok", "à voir"}


def test_check_says_what_to_do_where_something_is_wrong(tmp_path: Path) -> None:
    """Every part fails for its own reason, none keeps the next from being tried."""
    place = make_place(
        tmp_path / "place",
        QUISAIT_DATABASE="sqlite:////nowhere/at/all/state.sqlite",
        QUISAIT_ENCODER__KIND="sentence-transformers",
        QUISAIT_EXTRACTOR__KIND="tika",
        QUISAIT_EXTRACTOR__URL="http://127.0.0.1:9",
        QUISAIT_INDEX__ENGINE="opensearch",
        QUISAIT_INDEX__URL="http://127.0.0.1:9",
        QUISAIT_DIRECTORY__AGENTS="absent.csv",
        QUISAIT_SERVER__TOKEN_KEY="short",
        QUISAIT_SOURCES='[{"name": "notes", "kind": "folder", "path": "absent"}]',
    )
    found = {one["name"]: one for one in place.json("check", status=1)}
    sound = ["dossier", "disque", "horloge", "ports", "limites", "secrets", "classement"]
    assert [name for name, one in found.items() if one["passed"]] == sound
    assert "[encoder] model" in found["encodeur"]["detail"]
    assert "absent.csv" in found["annuaire"]["detail"]
    assert "absent" in found["source notes"]["detail"]
    assert "QUISAIT_SERVER__TOKEN_KEY" in found["identité"]["detail"]
    assert all(one["detail"] for one in found.values())


def test_a_wrong_folder_stays_empty(tmp_path: Path) -> None:
    """No settings, no index: a sentence, status 2, and nothing written by any command."""
    place = Place(tmp_path, {})
    for command in ("check", "crawl", "sources", "search x", "token a", "serve", "privacy report"):
        told = place.run(*command.split(), status=2).stderr
        assert "quisait init" in told
        assert "--config" in told
    assert list(tmp_path.iterdir()) == []
    elsewhere = make_place(tmp_path / "elsewhere")
    file = str(elsewhere.folder / "quisait.toml")
    assert "notes" in place.run("--config", file, "sources").stdout
    assert [one.name for one in tmp_path.iterdir()] == ["elsewhere"]


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    """For the check, which goes on to the other parts, and for a crawl."""
    place = make_place(tmp_path / "place", QUISAIT_FOLDER="notes/regie.md/index")
    found = {one["name"]: one for one in place.json("check", status=1)}
    assert not found["dossier"]["passed"]
    assert "QUISAIT_FOLDER" in found["dossier"]["detail"]
    assert found["source notes"]["passed"]
    for one in found.values():
        assert "Errno" not in one["detail"]
        assert "sqlite3" not in one["detail"]
    assert "QUISAIT_FOLDER" in place.run("crawl", status=1).stderr
    # No disk, not even root's, takes a file there.
    place = Place(place.folder, {**place.environment, "QUISAIT_FOLDER": "/proc/quisait"})
    assert "QUISAIT_FOLDER" in place.run("crawl", status=1).stderr


def test_check_names_what_is_not_there(crawled: Place, tmp_path: Path) -> None:
    """A list of topics, groups and agents that nobody is."""
    place = crawled.copied(tmp_path / "place")
    with (place.folder / "quisait.toml").open("a") as file:
        file.write('allowed = ["annuaire:group:fruade", "everyone", "annuaire:group:fraude"]\n')
        file.write('[topics]\nfile = "absent.csv"\nuniversal = ["annuaire:group:tous"]\n')
        file.write('[[roles]]\nrole = "officer"\nagents = ["ag-1", "ag-404"]\n')
    found = {one["name"]: one for one in place.json("check", status=1)}
    assert [name for name, one in found.items() if not one["passed"]] == [
        "lecteurs",
        "sujets",
    ]
    for word in ("fruade", "annuaire:group:tous", "ag-404", "[topics] universal", "source wiki"):
        assert word in found["lecteurs"]["detail"]
    for word in ("group:fraude", "ag-1»", "everyone"):
        assert word not in found["lecteurs"]["detail"]
    assert "absent.csv" in found["sujets"]["detail"]
    (place.folder / "absent.csv").write_text("id;label\nt;un sujet\nu;\n", "utf-8")
    found = {one["name"]: one for one in place.json("check", status=1)}
    assert found["sujets"]["passed"]
    assert found["sujets"]["detail"].startswith("1 sujets ; laissés de côté : absent.csv:3")


def test_what_is_kept_is_closed_to_other_accounts(tmp_path: Path) -> None:
    """Whatever the umask: index, state, vectors, WAL, register; an older installation too."""
    place = make_place(tmp_path / "place", QUISAIT_PRIVACY__REGISTER_FILE="kept/registre.jsonl")
    before = os.umask(0)
    try:
        place.run("crawl")
        (place.folder / "export.jsonl").write_text(export(POSTS[:2]), "utf-8")
        place.run("crawl", "--accept-deletions")
    finally:
        os.umask(before)
    kept = [place.folder / ".quisait", place.folder / "kept"]
    kept += [one for top in kept for one in top.rglob("*")]
    assert {"state.sqlite", "vectors.sqlite", "registre.jsonl", "index.sqlite"} <= {
        one.name for one in kept
    }
    for path in kept:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
    for name in (".quisait", ".quisait/state.sqlite", ".quisait/index", "kept/registre.jsonl"):
        one = place.folder / name
        one.chmod(0o755 if one.is_dir() else 0o644)
    told = place.json("check", status=1)[0]
    assert (told["name"], told["passed"]) == ("dossier", False)
    command = f"chmod -R go-rwx {place.folder / '.quisait'} {place.folder / 'kept/registre.jsonl'}"
    assert command in told["detail"]
    place.run("sources")
    assert not place.json("check", status=1)[0]["passed"], "a command that reads changes no right"
    place.run("crawl")
    assert place.json("check")[0]["passed"]
    for path in kept:
        assert not path.exists() or path.stat().st_mode & 0o077 == 0, path
    assert (place.folder / "quisait.toml").stat().st_mode & 0o044, "others' files stay as they are"


def test_a_crawl_is_interrupted_within_seconds(tmp_path: Path) -> None:
    """Within one document's thousand passages; nothing is half written, the next one resumes."""
    place = make_place(tmp_path / "place")
    long = " ".join(
        f"Le dossier numéro {n} est instruit au service du cadastre." for n in range(9000)
    )
    posts = [*POSTS, post(4, long, "ana")]
    (place.folder / "export.jsonl").write_text(export(posts), "utf-8")
    for number in (signal.SIGINT, signal.SIGTERM):
        before = vectors_kept(place.folder)
        process = place.begun("crawl", "wiki", stderr=tmp_path / "told")
        try:
            wait_until(lambda before=before: vectors_kept(place.folder) > before)
            process.send_signal(number)
            process.wait(60)
        finally:
            process.kill()  # one that does not end would take the processors of the next tests
        told = (tmp_path / "told").read_text("utf-8")
        assert process.returncode == 130, told
        assert "Interrompu" in told
        assert "Traceback" not in told
        (status,) = place.json("sources", "wiki")
        assert status["last_run"]["outcome"] == "interrupted"
        assert status["running"] is None
    (place.folder / "export.jsonl").write_text(export([*POSTS, post(4, "Court.", "ana")]), "utf-8")
    place.run("crawl", "wiki")
    assert place.json("sources", "wiki")[0]["documents"] == 4


def test_a_crawl_tells_what_it_wrote(crawled: Place) -> None:
    """A line for the directory and for each source, and where to read about failures."""
    annuaire, notes, wiki = (crawled.folder / "first-crawl.txt").read_text("utf-8").splitlines()
    assert annuaire == "annuaire : 3 agents, 1 groupe"
    assert notes.startswith("notes : 3 écrits, 0 inchangé")
    assert wiki.startswith("wiki : 3 écrits")
    assert "2 en échec (« quisait sources wiki »)" in wiki


def test_a_second_crawl_writes_nothing(crawled: Place, tmp_path: Path) -> None:
    """What did not change is not encoded, not written, and counted as such."""
    outcomes = {one["source"]: one for one in crawled.copied(tmp_path / "p").json("crawl")}
    for outcome in outcomes.values():
        report = outcome["report"]
        assert (outcome["error"], report["put"], report["passages"]) == ("", 0, 0)
        assert not report["resumed"]


def test_a_malformed_line_is_shown_with_its_remedy(crawled: Place) -> None:
    """By its number in the file, without its text."""
    lines = crawled.run("sources", "wiki").stdout
    assert "wiki : 3 documents, à jour" in lines
    assert "export.jsonl:5" in lines
    assert REMEDIES["malformed"] in lines
    assert "phrase secrète" not in lines


def test_a_search_reads_with_an_agents_rights(crawled: Place) -> None:
    """The restricted note is found by the group's agent, and is nothing to another."""
    ben = crawled.json("search", "carrousel Zanzibar", "--agent", "ag-2")
    assert ben["documents"][0]["id"] == "notes:secret.txt"
    ana = crawled.run("search", "carrousel Zanzibar", "--agent", "ag-1").stdout
    assert "notes:secret.txt" not in ana
    assert "Zanzibar" not in ana


def test_experts_come_with_evidence(crawled: Place) -> None:
    """The present colleague is proposed, the departed one never; by area too."""
    found = crawled.json("experts", "bornage de parcelles", "--agent", "ag-2")
    ids = [one["agent"]["id"] for one in found["candidates"]]
    assert ids[0] == "ag-1"
    assert "ag-3" not in ids
    assert all(one["evidence"] for one in found["candidates"])
    plain = crawled.run("experts", "bornage", "--agent", "ag-2", "--area", "r53").stdout
    assert "1. Ana Le Goff (ag-1)" in plain
    assert "Côtes-d'Armor" in plain
    assert "Amrani" not in plain


def test_what_is_asked_stays_nowhere(crawled: Place) -> None:
    """Neither on the standard error nor in any file that is kept."""
    done = crawled.run("search", f"{SOUGHT} bornage", "--agent", "ag-1")
    assert SOUGHT not in done.stderr
    kept = [path for path in crawled.folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".sqlite" for path in kept)
    for path in kept:
        assert SOUGHT.encode() not in path.read_bytes(), path


@pytest.mark.trust
def test_an_unknown_agent_is_a_sentence(crawled: Place) -> None:
    """No reader, no answer: the exit status says so, and what to give."""
    done = crawled.run("search", "bornage", "--agent", "ag-404", status=1)
    assert done.stdout == ""
    assert "« ag-404 »" in done.stderr
    assert "--agent IDENTIFIANT" in done.stderr
    left = crawled.run("experts", "bornage", "--agent", "ag-3", status=1)
    assert "« ag-3 » est parti" in left.stderr
    assert left.stdout == ""


def test_a_wrong_setting_is_a_sentence(tmp_path: Path) -> None:
    """By its place in the file, before anything is opened."""
    (tmp_path / "quisait.toml").write_text("[index]\nengine = 'solr'\ncolour = 1\n")
    done = Place(tmp_path, {}).run("search", "bornage", "--agent", "ag-1", status=2)
    assert done.stdout == ""
    assert "quisait.toml : index.engine :" in done.stderr
    assert "quisait.toml : index.colour :" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["quisait.toml"]


def test_a_file_that_is_no_toml_is_a_sentence(tmp_path: Path) -> None:
    """Also for the command that checks the settings."""
    (tmp_path / "quisait.toml").write_text("not = [toml\n")
    assert "quisait.toml" in Place(tmp_path, {}).run("check", status=2).stderr


@pytest.mark.trust
def test_a_token_names_an_agent_of_the_directory(crawled: Place) -> None:
    """Signed with the key of the settings; somebody unknown gets none."""
    token = crawled.run("token", "ag-1", "--hours", "1").stdout.strip()
    tokens, now_s = SignedTokens("k" * 32), int(time.time())
    assert tokens.agent_id(token, now_s) == "ag-1"
    assert tokens.agent_id(token, now_s + 3700) is None
    assert "annuaire" in crawled.run("token", "ag-404", status=1).stderr


def test_the_schema_is_one_that_lines_obey(tmp_path: Path) -> None:
    """It is a JSON Schema, and tells a post from what is none."""
    schema = json.loads(Place(tmp_path, {}).run("schema", "export").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid(POSTS[0])
    assert not validator.is_valid(POSTS[0] | {"colour": "red"})


def test_what_a_source_lost_is_removed(crawled: Place, tmp_path: Path) -> None:
    """One note goes; but a whole source that vanishes waits for a person's word."""
    place = crawled.copied(tmp_path / "place")
    (place.folder / "notes" / "regie.md").unlink()
    assert "1 retiré" in place.run("crawl", "notes").stdout

    (place.folder / "export.jsonl").write_text(export([]), "utf-8")
    held = place.run("crawl", "wiki", status=1).stdout
    assert "ÉCHEC" in held
    assert "--accept-deletions" in held
    kept = {one["source"]: one["documents"] for one in place.json("sources")}
    assert (kept["wiki"], kept["notes"]) == (3, 2)
    assert "3 retirés" in place.run("crawl", "wiki", "--accept-deletions").stdout
    found = place.json("search", "cadastre", "--agent", "ag-1")["documents"]
    assert [one["id"].partition(":")[0] for one in found] == ["notes"]


def vectors_kept(folder: Path) -> int:
    """Return how many passages a running crawl has encoded so far."""
    path = folder / ".quisait" / "vectors.sqlite"
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return int(connection.execute("select count(*) from vectors").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.OperationalError:
        return 0


def test_an_interrupted_crawl_is_resumed(tmp_path: Path) -> None:
    """Killed in the middle, it goes on from what it kept, says so, and misses nothing."""
    place = make_place(tmp_path / "place")
    posts = [post(n, f"Le dossier numéro {n} est instruit au service.", "ana") for n in range(160)]
    (place.folder / "export.jsonl").write_text(export(posts), "utf-8")
    process = place.begun("crawl", "wiki")
    wait_until(lambda: vectors_kept(place.folder) or process.poll() is not None, 60, 0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL

    assert "interrompue" in place.run("sources", "wiki").stdout
    resumed = place.run("crawl", "wiki").stdout
    assert "reprise d'un passage interrompu" in resumed
    (status,) = place.json("sources", "wiki")
    assert (status["documents"], status["failures"]) == (160, [])
    assert status["state"].startswith("à jour")


@pytest.fixture
def on_engines(tmp_path: Path) -> Iterator[Place]:
    """The same place on OpenSearch and Tika; what it made there is removed at the end."""
    with engine_settings() as index:
        yield make_place(
            tmp_path / "place",
            QUISAIT_EXTRACTOR__KIND="tika",
            QUISAIT_EXTRACTOR__URL=ensure_tika(),
            **index,
        )


def test_the_same_on_the_production_engines(on_engines: Place) -> None:
    """Crawl and search, with files extracted by Tika and an index in OpenSearch."""
    outcomes = {one["source"]: one["report"] for one in on_engines.json("crawl")}
    assert (outcomes["notes"]["put"], outcomes["wiki"]["put"]) == (3, 3)
    ben = on_engines.json("search", "carrousel Zanzibar", "--agent", "ag-2")
    assert ben["documents"][0]["id"] == "notes:secret.txt"
    ana = on_engines.json("search", "carrousel Zanzibar", "--agent", "ag-1")
    assert "notes:secret.txt" not in [one["id"] for one in ana["documents"]]
