"""One source read in parts by several processes, which share it through PostgreSQL."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from indexer.part_runs import PartRow, PartRuns
from indexer.state import State
from quisait.application.database import connect, migrate
from tests.postgres_server import database
from tests.service.place import Place, export, make_place, post
from tests.service.running import running, wait_until

pytestmark = pytest.mark.sources

MANY = 120
PARTS = 4
GATE = 7
"""The number of an advisory lock of PostgreSQL, which is this test's own."""


@pytest.fixture
def place(tmp_path: Path, postgres: str) -> Iterator[Place]:
    """A wiki in parts, not yet read, and the state in PostgreSQL."""
    with database(postgres) as url:
        place = make_place(tmp_path / "place", QUISAIT_DATABASE=url)
        divide(place)
        write_posts(place, MANY)
        yield place


def divide(place: Place) -> None:
    settings = place.folder / "quisait.toml"
    divided = settings.read_text("utf-8").replace(
        'path = "export.jsonl"', f'path = "export.jsonl"\nparts = {PARTS}\nevery = "jamais"'
    )
    settings.write_text(divided, "utf-8")


def write_posts(place: Place, many: int) -> None:
    posts = [post(n, f"Le dossier numéro {n} est instruit au service.", "ana") for n in range(many)]
    (place.folder / "export.jsonl").write_text(export(posts), "utf-8")


def test_a_killed_workers_part_goes_on_elsewhere(place: Place) -> None:
    """Of two, one is killed amid its part: the other ends the run, with every document, once."""
    engine = migrate(connect(place.environment["QUISAIT_DATABASE"]))
    kept = PartRuns(engine, State(engine))
    with running(place, "--no-serve", name="one") as one, running(place, "--no-serve", name="two"):
        with no_cursor_saved(engine):
            State(engine).request_run("wiki")  # once both are there
            wait_until(lambda: sum(map(_is_begun, kept.rows("wiki"))) == 2)
            one.process.send_signal(signal.SIGKILL)
            one.process.wait()
        wait_until(lambda: [run.outcome for run in State(engine).runs_of("wiki")] == ["done"], 240)
    rows = kept.rows("wiki")
    assert [row.outcome for row in rows] == ["done"] * PARTS
    assert max(row.tries for row in rows) == 2
    told = place.json("sources", "wiki")[0]
    assert (told["documents"], told["last_run"]["outcome"]) == (MANY, "done")
    assert [part["state"] for part in told["parts"]] == ["lue"] * PARTS
    assert not _cursors_of_others(engine)
    engine.dispose()


@contextmanager
def no_cursor_saved(engine: sa.Engine) -> Iterator[None]:
    """Whoever saves a part's cursor waits for the end of this: none is read before."""
    gate = f"""
        create function gate() returns trigger language plpgsql as
        $$ begin perform pg_advisory_xact_lock_shared({GATE}); return new; end $$;
        create trigger gate before insert or update on cursors
        for each row when (new.source like 'wiki@%') execute function gate()"""
    with engine.begin() as connection:
        connection.execute(sa.text(gate))
    with engine.begin() as connection:
        connection.execute(sa.text(f"select pg_advisory_xact_lock({GATE})"))
        yield


def _is_begun(row: PartRow) -> bool:
    return row.tries > 0 and not row.outcome


def _cursors_of_others(engine: sa.Engine) -> list[str]:
    query = sa.text("select source from cursors where source = 'wiki' or source like 'wiki@%'")
    with engine.connect() as connection:
        found = set(connection.execute(query).scalars())
    return sorted(found - {f"wiki@{number}/{PARTS}" for number in range(1, PARTS + 1)})


def test_a_command_shares_a_source_among_processes(place: Place) -> None:
    """As one source: one line, one run; deletions, failures, and what a whole reading says."""
    done = place.run("crawl", "wiki", "--workers", "3")
    assert f"wiki : {MANY} écrits" in done.stdout
    told = place.json("sources", "wiki")[0]
    assert (told["documents"], told["last_run"]["changed"]) == (MANY, MANY)
    write_posts(place, MANY // 2)
    held = place.run("crawl", "wiki", status=1)
    assert "--accept-deletions" in held.stdout
    assert place.json("sources", "wiki")[0]["documents"] == MANY
    place.run("crawl", "wiki", "--accept-deletions")
    told = place.json("sources", "wiki")[0]
    assert (told["documents"], told["last_run"]["outcome"]) == (MANY // 2, "done")


def test_what_cannot_be_shared_is_said(tmp_path: Path) -> None:
    """With SQLite several workers are refused, and a divided source is read whole."""
    place = make_place(tmp_path / "place")
    divide(place)
    refused = place.run("crawl", "--workers", "2", status=1)
    assert "PostgreSQL" in refused.stderr
    place.run("crawl")
    told = place.json("sources", "wiki")[0]
    assert (told["documents"], told["parts"]) == (3, [])


def test_another_index_is_read_in_full_by_all_parts(place: Place) -> None:
    """The parts' cursors describe the first one; back there, all of it is to be read again."""
    place.run("crawl", "wiki")
    elsewhere = {"QUISAIT_FOLDER": str(place.folder / "other")}
    other = Place(place.folder, {**place.environment, **elsewhere})
    assert other.json("sources", "wiki")[0]["to_reread"]
    other.run("crawl", "wiki", "--workers", "2")
    told = other.json("sources", "wiki")[0]
    assert (told["documents"], told["to_reread"]) == (MANY, False)
    assert place.json("sources", "wiki")[0]["to_reread"]
