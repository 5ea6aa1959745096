"""The options of a source that is pushed, and what `quisait check` says of it."""

from pathlib import Path

import pytest
from quisait_push.commands import opened_push_tokens

from quisait.application.opening import Opening
from quisait.checks import sources
from quisait.settings import Settings
from quisait.settings.sources import SourceSettings

pytestmark = pytest.mark.sources


def push_source(**options: object) -> SourceSettings:
    return SourceSettings.model_validate({"name": "docs", "kind": "push", **options})


def test_a_token_of_files_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Before any file is pushed by its address; the token itself is never repeated."""
    settings = Settings(database=f"sqlite:///{tmp_path / 'state.sqlite'}")
    token, origin = tmp_path / "fichiers.jeton", "https://fichiers.exemple"
    source = push_source(file_hosts={origin: str(token)})
    with opened_push_tokens(settings, Opening.WRITE) as tokens:
        tokens.add("docs", "Essai")
    for written in (None, b"", b"\xff"):
        if written is not None:
            token.write_bytes(written)
        with pytest.raises(ValueError, match=f"jeton de {origin} ne se lit pas"):
            sources.check_source(settings, source)
    token.write_text("secret\n", "utf-8")
    assert sources.check_source(settings, source) == "push, 1 jetons"


@pytest.mark.parametrize(
    "origin", ["http://drive.exemple", "https://a:mot@drive.exemple", "https://drive.exemple/f"]
)
def test_files_are_fetched_from_exact_origins(origin: str) -> None:
    """The settings are refused when they are read, without repeating the origin."""
    with pytest.raises(ValueError, match="origine seule") as raised:
        Settings(sources=[push_source(file_hosts={origin: ""})])
    assert "a:mot" not in str(raised.value)


def test_an_unknown_option_is_refused_when_the_settings_are_read() -> None:
    with pytest.raises(ValueError, match="couleur"):
        Settings(sources=[push_source(couleur="bleu")])
