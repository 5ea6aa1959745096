"""`quisait check` of one source."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from connectors.ports import Change, SourceRefused
from quisait import checks
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
