"""`quisait check` and the machine: disk, clock, ports and limits, each with its remedy."""

import resource
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from indexer.state import State, runs
from quisait.application.database import opened_database
from quisait.application.opening import Opening
from quisait.checks import machine
from quisait.checks.attempt import ToReview
from quisait.clock import now
from quisait.server.app import rate_limiter_of, share_of
from quisait.settings import Settings, load_settings
from search_api.limits import RequesterKind
from search_api.listening import MAX_CONNECTIONS
from tests.oidc_provider import ProviderPlan, running_provider
from tests.postgres_server import database
from tests.service.place import make_place
from tests.service.running import free_port, running

pytestmark = pytest.mark.sources


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    place = make_place(tmp_path / "place")
    place.enter(monkeypatch, QUISAIT_SERVER__PORT=str(free_port()))
    return load_settings()


def test_a_disk_with_too_little_room_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "libres" in machine.check_disk(settings)
    monkeypatch.setattr(machine, "LEAST_FREE", 10**18)
    with pytest.raises(ValueError, match="Faites de la place"):
        machine.check_disk(settings)


def test_a_clock_that_went_back_is_told(settings: Settings) -> None:
    """By what was read later than now."""
    assert "fuseau" in machine.check_clock(settings)
    with opened_database(settings, Opening.WRITE) as engine:
        run_id, _ = State(engine).start_run("notes")
        with engine.begin() as connection:
            later = sa.update(runs).where(runs.c.id == run_id)
            connection.execute(later.values(started=now() + timedelta(hours=3)))
    with pytest.raises(ValueError, match="notes"):
        machine.check_clock(settings)


def test_a_clock_beside_the_others_is_told(
    settings: Settings, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of PostgreSQL, and that of the identity provider: both are really asked."""
    plan = ProviderPlan(free_port(), "http://127.0.0.1:1", {})
    oidc = settings.oidc.model_copy(update={"issuer": plan.issuer})
    signing_on = settings.model_copy(update={"oidc": oidc})
    with database(postgres) as url, running_provider(plan):
        on_server = settings.model_copy(update={"database": url})
        for one in (signing_on, on_server):
            assert "fuseau" in machine.check_clock(one)
        monkeypatch.setattr(machine, "now", lambda: now() + timedelta(minutes=10))
        for one, whose in ((signing_on, "du fournisseur d'identité"), (on_server, "de la base")):
            with pytest.raises(ValueError, match=f"de celle {whose}"):
                machine.check_clock(one)


def test_a_taken_port_is_told_unless_quisait_has_it(settings: Settings, tmp_path: Path) -> None:
    assert str(settings.server.port) in machine.check_ports(settings)
    with (
        socket.create_server((settings.server.host, settings.server.port)),
        pytest.raises(ValueError, match="déjà pris"),
    ):
        machine.check_ports(settings)
    with running(make_place(tmp_path / "running"), "--no-crawl") as one:
        port = int(one.pages.rpartition(":")[2])
        server = settings.server.model_copy(update={"port": port})
        seen = machine.check_ports(settings.model_copy(update={"server": server}))
    assert seen.endswith("(quisait y répond)")


def test_another_installations_port_is_told(settings: Settings, tmp_path: Path) -> None:
    """And two servers of one port."""
    own_file = str(tmp_path / "other" / "quisait.toml")
    with running(make_place(tmp_path / "other", QUISAIT_FILE=own_file), "--no-crawl") as one:
        port = int(one.pages.rpartition(":")[2])
        server = settings.server.model_copy(update={"port": port})
        with pytest.raises(ValueError, match="autre installation"):
            machine.check_ports(settings.model_copy(update={"server": server}))
    metrics = settings.metrics.model_copy(update={"port": settings.server.port})
    with pytest.raises(ValueError, match=r"\[metrics\] port"):
        machine.check_ports(settings.model_copy(update={"metrics": metrics}))


def test_the_limits_are_shared_between_servers(settings: Settings) -> None:
    """Each applies its part, and none applies none."""
    door = settings.door.model_copy(update={"servers": 3, "reader_per_minute": 6})
    limiter = rate_limiter_of(settings.model_copy(update={"door": door}))
    granted = [limiter.take(RequesterKind.READER, "ag-1") == 0 for _ in range(4)]
    assert granted == [True, True, False, False]
    assert (share_of(2, 3), share_of(0, 3)) == (1, 0)


def test_an_absent_engine_is_told_once(tmp_path: Path) -> None:
    """Not by its library at each try; and who reads the first lines alone hears of no disk."""
    place = make_place(
        tmp_path / "place",
        QUISAIT_INDEX__ENGINE="opensearch",
        QUISAIT_INDEX__URL="http://127.0.0.1:9",
    )
    assert "said by a library" not in place.run("check", status=1).stderr
    command = [sys.executable, "-c", "import quisait.cli as c; c.app(['connector', 'list'])"]
    shown = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert shown.stdout is not None
    shown.stdout.close()
    _, told = shown.communicate(timeout=120)
    assert "disque" not in told
    assert "Traceback" not in told


def test_too_few_open_files_are_told(settings: Settings) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert "fichiers ouverts" in machine.check_limits(settings)
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_CONNECTIONS, hard))
    try:
        with pytest.raises(ValueError, match="LimitNOFILE"):
            machine.check_limits(settings)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_memory_areas_matter_where_opensearch_is_on_this_machine(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "LEAST_MAP_COUNT", 10**9)
    assert "max_map_count" not in machine.check_limits(settings)
    here, elsewhere = (
        settings.model_copy(update={"index": settings.index.model_copy(update=changed)})
        for changed in (
            {"engine": "opensearch", "url": "http://127.0.0.1:9200"},
            {"engine": "opensearch", "url": "https://moteur.exemple.fr:9200"},
        )
    )
    with pytest.raises(ToReview, match="sysctl -w"):
        machine.check_limits(here)
    assert "max_map_count" not in machine.check_limits(elsewhere)
