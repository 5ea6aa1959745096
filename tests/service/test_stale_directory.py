"""A directory that is not read any more is no longer trusted, and an agent can be cut at once."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from connectors.http_host import HttpHost
from connectors.ports import SourceRefused
from indexer.errors import ExtractorUnreachable
from indexer.extraction.files import ExtractionLimits
from indexer.extraction.tika_server import TikaServerExtractor
from indexer.state import runs
from quisait.application.assembly import Application, open_application
from quisait.application.certificates import expiries
from quisait.application.sources import DIRECTORY
from quisait.checks import run_checks
from quisait.checks.attempt import ToReview
from quisait.checks.machine import check_certificates
from quisait.clock import now, today
from quisait.privacy.replay import replay
from quisait.server.metrics import registry_of
from quisait.settings import load_settings
from quisait.work.administration import ApplicationAdministration
from quisait.work.source_status import directory_state
from search_api.identity.readers import reader_of
from tests.made_certificates import authority
from tests.service.place import GROUPS, Place, make_place
from tests.tls_proxy import in_front_of

pytestmark = [pytest.mark.sources, pytest.mark.trust]

SECRET = "notes:secret.txt"
"""Open to the group of ag-2 alone."""


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Place:
    made = make_place(tmp_path_factory.mktemp("crawled") / "place")
    made.run("crawl")
    return made


@pytest.fixture
def place(crawled: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    made = crawled.copied(tmp_path / "place")
    monkeypatch.setenv("QUISAIT_FILE", str(made.folder / "quisait.toml"))
    return made


@pytest.fixture
def application(place: Place) -> Iterator[Application]:
    with open_application(load_settings()) as opened:
        yield opened


def read_ago(application: Application, days: float) -> None:
    """Make the directory's last reading as old as that."""
    moment = now() - timedelta(days=days)
    mine = sa.update(runs).where(runs.c.source == DIRECTORY)
    with application.database.begin() as connection:
        connection.execute(mine.values(started=moment, ended=moment))


def may_read(application: Application, agent: str) -> bool:
    reader = application.authorities.complete(reader_of(agent, application.book, today()))
    return "annuaire:group:fraude" in reader.principals


def annuaire_part(application: Application) -> bool:
    (part,) = [one for one in ApplicationAdministration(application)().parts if "Annu" in one.name]
    return part.well


def alerts(application: Application) -> dict[str, float]:
    registry: CollectorRegistry = registry_of(application)
    return {
        sample.name: sample.value
        for family in registry.collect()
        for sample in family.samples
        if not sample.labels
    }


def test_an_old_directory_is_told_then_not_trusted(place: Place, application: Application) -> None:
    """Three days by default: at half of that somebody is told, beyond it its groups are closed."""
    (place.folder / "groupes.csv").rename(place.folder / "ailleurs")
    assert place.run("directory", "read", status=1).stderr
    for days, told, opens in ((1, False, True), (2, True, True), (4, True, False)):
        read_ago(application, days)
        assert may_read(application, "ag-2") is opens
        assert not annuaire_part(application), "its last reading failed"
        lines = {one.name: one.passed for one in run_checks(application.settings)}
        assert lines["lecture de l'annuaire"] is not told
        assert ("[directory] oldest" in directory_state(application)) is told
        measured = alerts(application)
        age, limit = (measured[f"quisait_directory_{one}_seconds"] for one in ("age", "oldest"))
        assert (age > limit / 2, age > limit) == (told, not opens)
    (place.folder / "ailleurs").rename(place.folder / "groupes.csv")
    assert place.json("directory", "read")["agents"] == 3
    assert may_read(application, "ag-2")
    assert annuaire_part(application)


def test_what_an_old_group_denies_stays_closed(place: Place, application: Application) -> None:
    """A denial by a group that is not trusted closes to everybody."""
    reader = application.authorities.complete(reader_of("ag-1", application.book, today()))
    assert reader.unanswered == frozenset()
    read_ago(application, 4)
    reader = application.authorities.complete(reader_of("ag-1", application.book, today()))
    assert reader.unanswered == {"annuaire"}


def test_an_agent_is_cut_at_once(place: Place, application: Application) -> None:
    """Readings that still list the agent change nothing, until it is undone."""
    assert may_read(application, "ag-2")
    place.run("directory", "cut", "ag-2")
    assert not may_read(application, "ag-2")
    place.run("directory", "read")
    assert not may_read(application, "ag-2")
    place.run("search", "régisseur", "--agent", "ag-2", status=1)
    assert "agent:ag-2" in [one["subject"] for one in place.json("audit")["readings"]]
    place.run("directory", "cut", "ag-2", "--undo")
    assert not may_read(application, "ag-2")
    place.run("directory", "read")
    assert may_read(application, "ag-2")
    place.run("directory", "cut", "inconnue", status=1)


def test_a_cut_ends_with_the_agents_entry(place: Place, application: Application) -> None:
    """Somebody who left the directory and is back in it later is an agent as others are."""
    agents = place.folder / "agents.csv"
    whole = agents.read_text("utf-8")
    place.run("directory", "cut", "ag-2")
    (place.folder / "groupes.csv").write_text(GROUPS.replace("ag-2", "ag-1"), "utf-8")
    agents.write_text("".join(x for x in whole.splitlines(True) if "ag-2" not in x), "utf-8")
    place.run("directory", "read")
    agents.write_text(whole, "utf-8")
    (place.folder / "groupes.csv").write_text(GROUPS, "utf-8")
    place.run("directory", "read")
    assert may_read(application, "ag-2")


def test_a_cut_is_told_to_a_restored_database(place: Place, application: Application) -> None:
    """It stands in the register, outside the database."""
    place.run("directory", "cut", "ag-2")
    lines = list(application.privacy.register.lines())
    assert [(one["kind"], one["agent"], one["cut"]) for one in lines] == [("cut", "ag-2", True)]
    with application.database.begin() as connection:
        connection.execute(sa.text("delete from cut_agents"))
    place.run("directory", "read")
    assert may_read(application, "ag-2")
    privacy = application.privacy
    replay(lines, application.database, privacy.consent, application.whole_index, b"key")
    place.run("directory", "read")
    assert not may_read(application, "ag-2")


def test_measures_of_the_place(place: Place, application: Application) -> None:
    """Room, size and the last backup."""
    before = alerts(application)
    assert before["quisait_disk_free_bytes"] > 0
    assert before["quisait_index_bytes"] > 10_000
    assert before["quisait_backup_age_seconds"] == float("inf")
    place.run("backup", str(place.folder / "sauvegarde"))
    assert 0 <= alerts(application)["quisait_backup_age_seconds"] < 3600


def test_a_certificate_is_told_before_and_after_its_end(
    tmp_path: Path, application: Application
) -> None:
    """Of each server of the settings, whoever signed it."""
    ours = authority(tmp_path, "notre-autorite")
    index = application.settings.index
    with (
        in_front_of("http://127.0.0.1:1", ours.server(days=90)) as lasting,
        in_front_of("http://127.0.0.1:1", ours.server()) as ending,
        in_front_of("http://127.0.0.1:1", ours.server(days=-1)) as ended,
    ):

        def told(*urls: str) -> str:
            asked = index.model_copy(update={"engine": "opensearch", "url": urls})
            return check_certificates(application.settings.model_copy(update={"index": asked}))

        assert "bientôt" not in told(lasting.url)
        with pytest.raises(ToReview, match="bientôt"):
            told(lasting.url, ending.url)
        with pytest.raises(ValueError, match="expiré"):
            told(lasting.url, ended.url)
        host, port = ended.url.removeprefix("https://").split(":")
        assert expiries([(host, int(port))])[host, int(port)] < now()
    assert expiries([("127.0.0.1", 1)]) == {}


def test_an_expired_certificate_is_called_so(tmp_path: Path) -> None:
    """By what asks a source and by what asks Tika: another authority would mend nothing."""
    ours = authority(tmp_path, "notre-autorite")
    with in_front_of("http://127.0.0.1:1", ours.server(days=-1)) as ended:
        host = HttpHost(f"{ended.url}/", ca_file=str(ours.file))
        with pytest.raises(SourceRefused, match="a expiré"):
            host.request("GET", host.root)
        tika = TikaServerExtractor(ended.url, ExtractionLimits(), 1.0, ca_file=str(ours.file))
        with pytest.raises(ExtractorUnreachable, match="a expiré"):
            tika.extract(b"a", "a.txt", "text/plain")
