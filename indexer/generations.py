"""Generations of an index: the one that answers, and beside it at most one other.

A generation is one whole index, made with one encoder and one analysis. While a second
one is being filled, and as long as a former one is kept, every write goes to both.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from indexer.ports import Encoder, Index


@dataclass(frozen=True, slots=True)
class EncoderRecord:
    """An encoder as a generation remembers it: `kind` and `model` are the settings that open it.

    `name` is empty in an index that was made before encoders were recorded.
    """

    name: str
    dimension: int
    kind: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a generation is made with; another signature asks for a reindex.

    `analysis` stands for analysis and mapping; documents of two formats cannot be read
    by the same code.
    """

    encoder: EncoderRecord
    analysis: str
    format: str

    def serves(self, wanted: "Signature") -> bool:
        """Whether an index so made is what `wanted` asks for, wherever the model lies."""
        return (self.encoder.name, self.encoder.dimension, self.analysis, self.format) == (
            wanted.encoder.name,
            wanted.encoder.dimension,
            wanted.analysis,
            wanted.format,
        )


@dataclass(frozen=True, slots=True)
class Generation:
    """One whole index, by the name that its adapter gave it."""

    name: str
    made: Signature


@dataclass(frozen=True, slots=True)
class Standing:
    """Which generations there are. `filling` is not complete; `former` is, and kept up."""

    live: Generation
    filling: Generation | None = None
    former: Generation | None = None

    @property
    def other(self) -> Generation | None:
        """The one beside the live one."""
        return self.filling or self.former

    @property
    def written(self) -> tuple[Generation, ...]:
        """Where every write goes, in that order."""
        return (self.live, self.other) if self.other else (self.live,)


class Generations(Protocol):
    """What every process asks: which generations there are at this moment, and their indexes.

    All methods raise `IndexUnreachable` or `IndexRefused`.
    """

    def standing(self) -> Standing | None:
        """As it stands now, whichever process changed it; None where there is no index yet."""
        ...

    def index(self, generation: Generation) -> Index:
        """The index of a generation; raises `IndexUnreachable` where it was dropped meanwhile."""
        ...


class GenerationWorks(Generations, Protocol):
    """What a reindex does. Each change is durable, and is done whole or not at all."""

    def signature(self, encoder: EncoderRecord) -> Signature:
        """What this code makes generations with."""
        ...

    def begin(self, made: Signature) -> Generation:
        """Make an empty generation: the live one where there is none, else the filling one."""
        ...

    def record(self, made: Signature) -> None:
        """Remember what the live generation was made with: an older version did not."""
        ...

    def swap(self) -> None:
        """The other generation becomes the live one, and the live one the former."""
        ...

    def drop(self) -> None:
        """Forget the other generation, and all that it holds."""
        ...

    def size_bytes(self, generation: Generation) -> int:
        """How much it takes on disk."""
        ...


class Encoders(Protocol):
    """Encoders as generations remember them."""

    def __call__(self, record: EncoderRecord) -> Encoder:
        """Open it, once. Raises `IndexRefused` where that model is no longer to be had."""
        ...


class Gate(Protocol):
    """Writers go in together, each for one batch; a reindex goes in alone."""

    def writing(self) -> AbstractContextManager[None]:
        """Hold it with other writers; waits for who is alone."""
        ...

    def alone(self) -> AbstractContextManager[None]:
        """Hold it alone; waits for the writers' batches, and no further writer goes first."""
        ...
