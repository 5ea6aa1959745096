"""Messages of the command line: faults of the settings, and progress."""

import io
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import BaseModel, ValidationError
from pydantic_settings.exceptions import SettingsError
from rich.console import Console

from indexer.crawl.pipeline import Wait
from indexer.state import State
from quisait.application import progress
from quisait.application.database import migrate
from quisait.settings import Settings, load_settings, unknown_variables
from quisait.settings.sources import SourceSettings
from quisait.settings.types import unreadable_message, validation_messages
from quisait.work import runs as quisait_runs
from quisait.work.runs import recorded_run, told_waits

pytestmark = pytest.mark.sources


def test_faults_of_the_settings_are_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each names its setting, and the variable that gives it, and says in French what to do."""
    monkeypatch.setenv("QUISAIT_INDEX__ENGINE", "lucene")
    monkeypatch.setenv("QUISAIT_SERVER__PORT", "99999")
    monkeypatch.setenv("QUISAIT_GUARD_SHARE", "beaucoup")
    monkeypatch.setenv("QUISAIT_SOURCES", '[{"name": "a", "kind": "folder", "chemin": "x"}]')
    with pytest.raises(ValidationError) as raised:
        Settings()
    told = validation_messages(raised.value, Path("quisait.toml"))
    assert sorted(told) == [
        "QUISAIT_GUARD_SHARE (guard_share) : donnez un nombre",
        'QUISAIT_INDEX__ENGINE (index.engine) : valeur refusée ; attendu : "embedded" ou '
        '"opensearch"',
        "QUISAIT_SERVER__PORT (server.port) : donnez un nombre d'au plus 65535",
        "QUISAIT_SOURCES (sources.0.chemin) : réglage inconnu : corrigez son nom, ou retirez-le",
        "QUISAIT_SOURCES (sources.0.path) : réglage manquant : ajoutez-le",
    ]


def test_a_setting_that_is_gone_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """An older file, or variable, is told what became of it, not that its name is misspelt."""
    monkeypatch.setenv("QUISAIT_PAGES__CATALOGUE", "textes")
    with pytest.raises(ValidationError) as raised:
        Settings()
    assert validation_messages(raised.value, Path("quisait.toml")) == [
        "QUISAIT_PAGES__CATALOGUE (pages.catalogue) : ce réglage n'existe plus, les textes des "
        "pages ne se reformulent plus : retirez-le"
    ]
    monkeypatch.delenv("QUISAIT_PAGES__CATALOGUE")
    with pytest.raises(ValidationError) as raised:
        Settings.model_validate({"pages": {"catalogue": ""}})
    told = validation_messages(raised.value, Path("quisait.toml"))
    assert [one.partition(" : ")[0] for one in told] == ["quisait.toml"]


WRONG = [3, 1.5, -1, float("nan"), True, "mot-secret", [1], ["mot-secret"], {"mot-secret": 1}, [{}]]
SECRETS = {
    "token_key",
    "password",
    "database_password",
    "database",
    "token",
    "client_secret",
    "url",
}


def wrong_settings() -> Iterator[Mapping[str, object]]:
    """Each setting with each value of another kind; each table too."""
    for name, field in Settings.model_fields.items():
        model = field.annotation
        yield from ({name: value} for value in WRONG)
        if isinstance(model, type) and issubclass(model, BaseModel):
            for inner in model.model_fields:
                yield from ({name: {inner: value}} for value in WRONG)
    for inner in SourceSettings.model_fields:
        source = {"name": "a", "kind": "folder", "path": "p"}
        yield from ({"sources": [source | {inner: value}]} for value in WRONG)


def refusal_of(given: Mapping[str, object]) -> ValidationError | None:
    try:
        Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        return error
    return None


def test_no_fault_of_a_setting_shows_a_code_or_a_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stands for whatever setting: French, with the remedy, and never the value."""
    monkeypatch.delenv("QUISAIT_ENCODER__PREPARED")  # a variable's fault would name the variable
    # Neither the file nor the environment, which would be read again for each of 2 500.
    given_alone = classmethod(lambda _, cls, init_settings, **others: (init_settings,))
    monkeypatch.setattr(Settings, "settings_customise_sources", given_alone)
    count = 0
    for wrong in wrong_settings():
        error = refusal_of(wrong)
        if error is None:
            continue
        for told in validation_messages(error, tmp_path / "quisait.toml"):
            _, _, fault = told.partition(" : ")
            name = next(iter(wrong))
            together = fault.startswith(f"[{name}]")  # with another setting, that it names
            place, remedy = (name, fault) if together else fault.split(" : ", 1)
            count += 1
            assert place.startswith(name)
            codes = [one[key] for one in error.errors() for key in ("type", "msg")]
            assert not any(code in remedy for code in codes), told
            # Some forms quote what they refuse; no secret's does.
            assert "mot-secret" not in remedy or not SECRETS & set(place.split(".")), told
    assert count > 500


def test_a_long_wait_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the output and in the state, without an advance in between."""
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
    monkeypatch.setattr(quisait_runs, "WAIT_TOLD_EVERY_S", 0.01)
    state = State(migrate(sa.create_engine(f"sqlite:///{tmp_path / 'state.sqlite'}")))
    with (
        recorded_run(state, "notes") as run,
        progress.shown_progress("notes", "documents") as advance,
        told_waits(advance, run) as waits,
    ):
        waits(Wait.ENCODING)
        until = time.monotonic() + 60
        while not (now := next(state.runs_of("notes"))).progress.waiting:
            assert time.monotonic() < until
            time.sleep(0.01)
    assert now.progress.waiting in (Wait.SOURCE, Wait.ENCODING)
    assert "notes : attend" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a = 1\nport = \n", "ligne 2, colonne 8"),
        (b"[index\n", "n'est pas du TOML"),
        (b"folder = '\xe9'\n", "UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, told: str
) -> None:
    """By line and column, or by its coding."""
    file = tmp_path / "quisait.toml"
    file.write_bytes(content)
    monkeypatch.setenv("QUISAIT_FILE", str(file))
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - of several kinds
        load_settings()
    said = unreadable_message(raised.value, file)
    assert told in said
    assert str(file) in said


def test_a_list_in_a_variable_says_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is JSON there."""
    monkeypatch.setenv("QUISAIT_DOOR__PROXIES", "a,b")
    with pytest.raises(SettingsError) as raised:
        Settings()
    assert unreadable_message(raised.value, Path("quisait.toml")).startswith(
        "QUISAIT_DOOR__PROXIES :"
    )


def test_a_misspelt_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that names no setting would do nothing, silently."""
    monkeypatch.setenv("QUISAIT_FOLDR", "x")
    monkeypatch.setenv("QUISAIT_PASSWORD_WIKI", "x")
    monkeypatch.setenv("QUISAIT_SERVER__PORT", "1")
    assert unknown_variables() == ["QUISAIT_FOLDR"]


def test_a_terminal_sees_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar says how many, how fast and how long."""
    shown = io.StringIO()
    terminal = Console(file=shown, force_terminal=True, width=120)
    monkeypatch.setattr("rich.console.Console", lambda stderr: terminal)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(progress, "KNOWN_AFTER_S", 0.0)
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
    monkeypatch.setattr(progress, "KNOWN_AFTER_S", 0.0)
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


@pytest.mark.parametrize(
    ("done", "elapsed_s", "recent", "left"),
    [
        (50, 5, 10, ""),  # too soon to tell
        (0, 60, 0, ""),
        (1_000, 60, 10, ""),
        (20, 60, 0.333, "reste entre 24 min et 2 h"),  # the first are not like the others
        (200, 60, 0.5, "reste entre 4 min et 27 min"),
        (200, 60, 3.3, "reste environ 4 min"),
        (990, 60, 16.5, "reste environ 10 s"),
    ],
)
def test_the_time_left_is_a_range_until_it_is_steady(
    done: int, elapsed_s: float, recent: float, left: str
) -> None:
    assert progress.left_of(done, 1_000, elapsed_s, recent) == left
    assert progress.left_of(done, None, elapsed_s, recent) == ""
