"""`quisait check` asks the authorities for readers' rights, and never waits without end."""

import os
import time
from collections.abc import Iterator

import pytest

from connectors.timeouts import call_with_timeout
from quisait.checks.sources import check_authority
from quisait.settings import Settings
from quisait.settings.sources import AuthoritySettings, SourceSettings
from tests.wiki_proxy import Door, Said, door_before
from tests.wiki_server import PASSWORD, READER, ensure_wiki

pytestmark = pytest.mark.trust


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    with door_before(ensure_wiki().url) as one:
        yield one


def tried(door: Door, wait_s: float, password: str = PASSWORD) -> str:
    """What the check says of a wiki behind a door."""
    source = SourceSettings(
        name="carnet",
        kind="mediawiki",
        options={"url": door.url, "user": READER, "reader_groups": True},
    )
    settings = Settings(sources=[source], authorities=AuthoritySettings(wait_s=wait_s))
    os.environ["QUISAIT_PASSWORD_CARNET"] = password
    try:
        return check_authority(settings, source)
    finally:
        del os.environ["QUISAIT_PASSWORD_CARNET"]


def test_a_wiki_that_answers(door: Door) -> None:
    """It is asked as for a reader, and the line says how long one waits."""
    asked = len(door.asked)
    assert tried(door, 30) == "demandés quand un lecteur arrive, en 30 s au plus"
    assert any(one.get("list") == "users" for one in door.asked[asked:])


@pytest.mark.parametrize(
    ("said", "wait_s", "sentence"),
    [
        (Said(status=503), 30, "tant qu'il ne dit rien, ce que ses groupes ouvrent est fermé"),
        (Said(hangs_s=5), 0.3, "tant qu'il ne dit rien, ce que ses groupes"),
    ],
    ids=["down", "silent"],
)
def test_a_wiki_that_does_not(door: Door, said: Said, wait_s: float, sentence: str) -> None:
    """Says what is closed meanwhile, and what to look at."""
    door.fault = lambda asked: said
    try:
        with pytest.raises(ValueError, match=sentence) as refused:
            tried(door, wait_s)
    finally:
        door.fault = lambda asked: None
    assert "vérifiez « url »" in str(refused.value)


def test_a_password_that_is_refused(door: Door) -> None:
    """Is told as such, with what to look at."""
    with pytest.raises(ValueError, match="vérifiez « url », « user »"):
        tried(door, 30, "autre")


def test_an_attempt_without_end_is_left() -> None:
    """What it would have raised or returned is told where it comes in time."""
    assert call_with_timeout(60, lambda: 3, ValueError("tard")) == 3
    with pytest.raises(ZeroDivisionError):
        call_with_timeout(60, lambda: 1 // 0, ValueError("tard"))
    with pytest.raises(ValueError, match="tard"):
        call_with_timeout(0.1, lambda: time.sleep(30), ValueError("tard"))
