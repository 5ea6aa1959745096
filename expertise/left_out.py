"""What a build could not take: named and counted, so that one odd thing never stops the rest."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from indexer.errors import IndexerError

MOST_SHARE = 0.1
FEW = 20
"""Beyond so many documents and such a share of all, the fault is not a document's own."""


class Part(StrEnum):
    """What was left out."""

    DOCUMENT = "document"
    AGENT = "agent"
    TOPIC = "topic"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One thing that a build does not hold, by its id, with the reason in French."""

    part: Part
    id: str
    reason: str


NAMED = 10
"""So many are named in one sentence; the build's report in JSON names all."""


def left_out_text(found: Sequence[LeftOut]) -> str:
    """How many of each part, and the first ones by name, in French; empty for none.

    For a terminal: ids name documents and agents, and belong in no log.
    """
    if not found:
        return ""
    counts = Counter(one.part for one in found)
    said = ", ".join(f"{counts[part]} {_IN_FRENCH[part]}" for part in Part if counts[part])
    named = " ; ".join(" ".join(f"{one.id} : {one.reason}".split()) for one in found[:NAMED])
    return f"{said} : {named}{' ; …' if len(found) > NAMED else ''}"


_IN_FRENCH = {Part.DOCUMENT: "document(s)", Part.AGENT: "agent(s)", Part.TOPIC: "sujet(s)"}


@dataclass(slots=True)
class Omissions:
    """Gathers what one build leaves out."""

    found: list[LeftOut] = field(default_factory=list)

    def add(self, part: Part, id_: str, reason: str) -> None:
        """Note one thing."""
        self.found.append(LeftOut(part, id_, reason))

    @contextmanager
    def instead(self, part: Part, id_: str) -> Iterator[None]:
        """Where the block fails on this one thing, note it and go on after the block.

        What speaks of an index or of the machine, not of the thing, is raised on.
        """
        try:
            yield
        except (IndexerError, OSError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this one thing's
            self.add(part, id_, f"ne peut pas être lu ({type(error).__name__})")

    def check_share(self, counted: int) -> None:
        """Raises `ValueError` where so many failed beside those counted that all may."""
        failed = sum(one.part is Part.DOCUMENT for one in self.found)
        documents = counted + failed
        if failed > FEW and failed > MOST_SHARE * documents:
            reasons = sorted({one.reason for one in self.found if one.part is Part.DOCUMENT})
            raise ValueError(
                f"{failed} documents sur {documents} n'ont pas pu être comptés : "
                f"{' ; '.join(reasons[:3])}. La cartographie précédente reste en service. "
                "Lancez « quisait check », puis « quisait reindex » si l'index est en cause."
            )
