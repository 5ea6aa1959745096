"""What the command line tells: faults of the settings, and progress."""

import io
import sys
import time
from pathlib import Path

import pytest
from pydantic import ValidationError
from rich.console import Console

from quisait.commands import progress, progress_bar
from quisait.settings import Settings
from quisait.settings.faults import sentences

pytestmark = pytest.mark.sources


def test_faults_of_the_settings_are_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each names its setting and says in French what to do."""
    monkeypatch.setenv("QUISAIT_INDEX__ENGINE", "lucene")
    monkeypatch.setenv("QUISAIT_SERVER__PORT", "99999")
    monkeypatch.setenv("QUISAIT_GUARD_SHARE", "beaucoup")
    monkeypatch.setenv("QUISAIT_SOURCES", '[{"name": "a", "kind": "folder", "chemin": "x"}]')
    with pytest.raises(ValidationError) as raised:
        Settings()
    told = sentences(raised.value, Path("quisait.toml"))
    assert sorted(told) == [
        "quisait.toml : guard_share : donnez un nombre",
        'quisait.toml : index.engine : valeur refusée ; attendu : "embedded" ou "opensearch"',
        "quisait.toml : server.port : donnez un nombre d'au plus 65535",
        "quisait.toml : sources.0.chemin : réglage inconnu : corrigez son nom, ou retirez-le",
        "quisait.toml : sources.0.path : réglage manquant : ajoutez-le",
    ]


def test_a_terminal_sees_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar says how many, how fast and how long."""
    shown = io.StringIO()
    terminal = Console(file=shown, force_terminal=True, width=120)
    monkeypatch.setattr(progress_bar, "Console", lambda stderr: terminal)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress.shown_progress("notes", "documents") as advance:
        for done in range(5):
            advance(done, 10)
            time.sleep(0.02)
    for part in ("notes", "4/10", "/s", "reste"):
        assert part in shown.getvalue()


def test_a_pipe_sees_plain_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No control characters elsewhere than on a terminal; nothing at all when asked to be quiet."""
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
    with progress.shown_progress("notes", "documents") as advance:
        time.sleep(0.01)
        advance(4, 10)
    told = capsys.readouterr().err
    assert told.startswith("notes : 4/10 documents, ")
    assert "/s, reste environ " in told
    assert "\x1b" not in told
    with progress.shown_progress("notes", "documents", quiet=True) as advance:
        advance(4, 10)
    assert capsys.readouterr().err == ""
