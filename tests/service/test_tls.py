"""TLS and a password in front of the engine and of Tika: right, they carry everything; wrong,
nothing is sent and a sentence says what to do."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.errors import ExtractorUnreachable, IndexRefused, IndexUnreachable
from indexer.extraction.files import ExtractionLimits
from indexer.extraction.tika_server import TikaServerExtractor
from indexer.opensearch.client import connect, drop, engine_faults
from tests.engines import ensure_opensearch, ensure_tika
from tests.made_certificates import Authority, authority
from tests.service.place import make_place
from tests.tls_proxy import PASSWORD, USER, in_front_of

pytestmark = [pytest.mark.sources, pytest.mark.trust]

ALIAS = "tls-essai"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("ours"), "notre-autorite")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("theirs"), "autre-autorite")


@pytest.fixture
def alias() -> Iterator[str]:
    yield ALIAS
    drop(connect(ensure_opensearch()), ALIAS)


def test_commands_through_tls(tmp_path: Path, ours: Authority, alias: str) -> None:
    """Crawl, question and check, under the right authority and password."""
    with in_front_of(ensure_opensearch(), ours.server()) as seen:
        place = make_place(
            tmp_path / "place",
            QUISAIT_INDEX__ENGINE="opensearch",
            QUISAIT_INDEX__URL=seen.url,
            QUISAIT_INDEX__ALIAS=alias,
            QUISAIT_INDEX__USER=USER,
            QUISAIT_INDEX__PASSWORD=PASSWORD,
            QUISAIT_INDEX__CA_FILE=str(ours.file),
        )
        place.run("crawl")
        found = place.json("search", "bornage", "--agent", "ag-1")
        assert "notes:bornage.txt" in [one["id"] for one in found["documents"]]
        told = {one["name"]: one for one in place.json("check")}
        assert told["index"]["passed"], told["index"]
        assert seen.refused == 0
        assert seen.authorized > 10
        wrong = replace(place, environment={**place.environment, "QUISAIT_INDEX__PASSWORD": "faux"})
        done = wrong.run("search", "bornage", "--agent", "ag-1", status=1)
        assert "[index] user" in done.stderr
        assert not {PASSWORD, "faux"} & set(done.stderr.split())


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("authority", "autorité"),
        ("no authority", "autorité"),
        ("expired", "expiré"),
        ("host", "nom"),
    ],
)
def test_a_certificate_that_does_not_hold(
    case: str, words: str, ours: Authority, theirs: Authority
) -> None:
    """Neither the password nor a word of a question leaves; the sentence says which it is."""
    certificate = {
        "authority": theirs.server(),
        "no authority": ours.server(),
        "expired": ours.server(days=-1),
        "host": ours.server("ailleurs.example"),
    }[case]
    known = "" if case == "no authority" else str(ours.file)
    with in_front_of(ensure_opensearch(), certificate) as seen:
        client = connect(seen.url, user=USER, password=PASSWORD, ca_file=known)
        with pytest.raises(IndexRefused, match=words) as told, engine_faults():
            client.search(index="x", body={"query": {"match": {"text": "inavouable"}}})
        assert "certificat" in str(told.value)
        assert seen.lines == []


def test_a_wrong_password(ours: Authority) -> None:
    """A sentence of its own, which says neither the password nor the account."""
    with in_front_of(ensure_opensearch(), ours.server()) as seen:
        client = connect(seen.url, user=USER, password="faux-secret", ca_file=str(ours.file))
        with pytest.raises(IndexRefused, match=r"\[index\] user") as told, engine_faults():
            client.info()
    assert "faux-secret" not in str(told.value)


def test_a_server_without_tls(ours: Authority) -> None:
    """Where https is set and plain http answers, nothing of ours is readable on the line."""
    with in_front_of(ensure_opensearch(), None) as seen:
        secure = seen.url.replace("http:", "https:")
        client = connect(secure, user=USER, password=PASSWORD, ca_file=str(ours.file))
        with pytest.raises((IndexUnreachable, IndexRefused)), engine_faults():
            client.info()
        assert seen.authorized + seen.refused == 0
        assert not [line for line in seen.lines if "Authorization" in line]


def test_no_password_in_clear() -> None:
    """Over plain http beyond this machine a password is refused before anything is sent."""
    for url in ("http://opensearch.exemple.fr:9200", "http://192.0.2.1:9200"):
        with pytest.raises(IndexRefused, match="https"):
            connect(url, user=USER, password=PASSWORD)
    connect("http://127.0.0.1:9200", user=USER, password=PASSWORD)
    connect("http://opensearch:9200")


def test_an_engine_that_leads_elsewhere(ours: Authority) -> None:
    """A redirection is not followed: neither question nor password reaches another host."""
    with (
        in_front_of(ensure_opensearch(), None, password="") as elsewhere,
        in_front_of(ensure_opensearch(), ours.server(), to=elsewhere.url) as seen,
    ):
        client = connect(seen.url, user=USER, password=PASSWORD, ca_file=str(ours.file))
        with pytest.raises((IndexRefused, IndexUnreachable)), engine_faults():
            client.search(index="x", body={"query": {"match_all": {}}})
        assert seen.lines
        assert elsewhere.lines == []


def test_tika_behind_tls(ours: Authority, theirs: Authority) -> None:
    """Read under the right authority; under another one no file leaves, and no redirect leads."""
    text = b"un texte inavouable"
    with in_front_of(ensure_tika(), ours.server(), password="") as seen:
        right = TikaServerExtractor(seen.url, ExtractionLimits(), 1.0, ca_file=str(ours.file))
        assert "inavouable" in repr(right.extract(text, "a.txt", "text/plain"))
        seen.lines.clear()
        wrong = TikaServerExtractor(seen.url, ExtractionLimits(), 1.0, ca_file=str(theirs.file))
        with pytest.raises(ExtractorUnreachable, match="certificat"):
            wrong.extract(text, "a.txt", "text/plain")
        assert seen.lines == []
    with (
        in_front_of(ensure_tika(), None, password="") as elsewhere,
        in_front_of(ensure_tika(), ours.server(), to=elsewhere.url) as seen,
    ):
        led = TikaServerExtractor(seen.url, ExtractionLimits(), 1.0, ca_file=str(ours.file))
        with pytest.raises(ExtractorUnreachable):
            led.extract(text, "a.txt", "text/plain")
        assert elsewhere.lines == []
