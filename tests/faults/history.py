"""A seeded history of a source: what its export says at each step, and what is then true."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from connectors.values import EVERYONE, Access

SOURCE = "wiki"
GROUP = "wiki:group:cellule"
OPEN = Access(frozenset({EVERYONE}))
CLOSED = Access(frozenset({GROUP}))
PIECES = 3
"""Each version of a page has so many sections, so that half of one would show."""


@dataclass(frozen=True, slots=True)
class PageState:
    """The text and the readers of a page. `version` counts its texts."""

    version: int
    access: Access = OPEN


def pieces(document_id: str, version: int) -> tuple[str, ...]:
    """The texts of one version's sections; every page has the word «cadastre»."""
    name = document_id.replace(":", "")
    return tuple(f"cadastre {name} version{version} morceau{n}" for n in range(PIECES))


@dataclass(slots=True)
class History:
    """A source that moves on by seeded steps; `truth` is what it holds now."""

    path: Path
    draw: random.Random
    truth: dict[str, PageState] = field(default_factory=dict)
    born: int = 0

    def move(self, *, births: int = 4) -> None:
        """Births, new texts, deletions, narrower and wider readers; appended or written anew."""
        lines = [self._bear() for _ in range(births)]
        known = sorted(self.truth)
        chosen = self.draw.sample(known, min(8, len(known)))
        for number, document_id in enumerate(chosen):
            lines.extend(self._change(document_id, number))
        if self.path.exists() and self.draw.random() < 0.5:
            with self.path.open("a", encoding="utf-8") as file:
                file.writelines(_line(line) for line in lines)
        else:
            self._write_anew()

    def _bear(self) -> dict[str, Any]:
        self.born += 1
        document_id = f"{SOURCE}:{self.born}"
        self.truth[document_id] = PageState(1)
        return _record(document_id, self.truth[document_id])

    def _change(self, document_id: str, number: int) -> Iterator[dict[str, Any]]:
        state, name = self.truth[document_id], document_id.partition(":")[2]
        if number < 2:
            del self.truth[document_id]
            yield {"type": "deleted", "id": name}
        elif number < 5:
            access = CLOSED if state.access == OPEN else OPEN
            self.truth[document_id] = replace(state, access=access)
            yield {"type": "access", "id": name, "readers": _readers(access)}
        else:
            access = CLOSED if number == 5 else state.access
            self.truth[document_id] = PageState(state.version + 1, access)
            yield _record(document_id, self.truth[document_id])

    def _write_anew(self) -> None:
        header = {"type": "header", "version": 1, "complete": True}
        records = [_record(name, state) for name, state in self.truth.items()]
        self.draw.shuffle(records)
        written = self.path.with_suffix(".new")
        written.write_text("".join(map(_line, (header, *records))), encoding="utf-8")
        written.replace(self.path)


def _record(document_id: str, state: PageState) -> dict[str, Any]:
    texts = pieces(document_id, state.version)
    return {
        "type": "page",
        "id": document_id.partition(":")[2],
        "title": f"Page {document_id} version{state.version}",
        # An author each: sections of one author share a passage.
        "sections": [{"text": text, "author": f"agent{n}"} for n, text in enumerate(texts)],
        "readers": _readers(state.access),
    }


def _readers(access: Access) -> dict[str, Any]:
    return {"allowed": sorted(access.allowed)}


def _line(line: dict[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False) + "\n"
