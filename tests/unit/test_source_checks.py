"""`quisait check` of one source."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from connectors.ports import Change, SourceRefused
from quisait import checks
from quisait.application.sources import opened_push_tokens
from quisait.settings import Settings
from quisait.settings.sources import SourceSettings

pytestmark = pytest.mark.sources


@dataclass
class Tried:
    """A source that notes what is asked of it."""

    refuses: bool
    source: str = "salle"
    asked: list[str] = field(default_factory=list)

    def changes(self, since: str | None) -> Iterator[Change]:
        self.asked.append("changes")
        yield from ()

    def check(self) -> Iterator[str]:
        self.asked.append("check")
        if self.refuses:
            raise SourceRefused("le compte est fermé")
        yield "un dossier manque"


def test_the_account_is_tried_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an account that is refused, nothing is read."""
    named = SourceSettings(name="salle", kind="folder", path="/nulle/part")
    for refuses, asked in ((False, ["check", "changes"]), (True, ["check"])):
        tried = Tried(refuses)
        monkeypatch.setattr(checks, "open_source", lambda *_, one=tried: one)
        if refuses:
            with pytest.raises(SourceRefused):
                checks.check_source(Settings(), named)
        else:
            assert "un dossier manque" in checks.check_source(Settings(), named)
        assert tried.asked == asked


def test_a_token_of_files_that_does_not_read_is_said(tmp_path: Path) -> None:
    """Before any file is pushed by its address; the token itself is never repeated."""
    settings = Settings(database=f"sqlite:///{tmp_path / 'state.sqlite'}")
    token, origin = tmp_path / "fichiers.jeton", "https://fichiers.exemple"
    source = SourceSettings(name="docs", kind="push", file_hosts={origin: str(token)})
    with opened_push_tokens(settings) as tokens:
        tokens.add("docs", "Essai")
    for written in (None, b"", b"\xff"):
        if written is not None:
            token.write_bytes(written)
        with pytest.raises(ValueError, match=f"jeton de {origin} ne se lit pas"):
            checks.check_source(settings, source)
    token.write_text("secret\n", "utf-8")
    assert checks.check_source(settings, source) == "push, 1 jetons"


@pytest.mark.parametrize(
    ("kind", "origin"),
    [("push", "http://drive.exemple"), ("push", "https://a:mot@drive.exemple"),
     ("push", "https://drive.exemple/f"), ("export", "https://drive.exemple")],
)  # fmt: skip
def test_files_are_fetched_from_exact_origins_by_pushes_alone(kind: str, origin: str) -> None:
    with pytest.raises(ValueError, match=r"origine seule|file_hosts") as raised:
        SourceSettings(name="docs", kind=kind, path="x.jsonl", file_hosts={origin: ""})
    assert raised.value.__class__.__name__ == "ValidationError"
