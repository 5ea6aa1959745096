"""Layout of an index: its shards and the precision of the vectors that it compares first.

Full vectors are always stored too.
"""

from dataclasses import dataclass
from typing import Literal

Quantisation = Literal["none", "7 bits"]
WHOLE_VECTORS: Quantisation = "none"
"""Compare full vectors: 32 bits per component."""
SEVEN_BITS: Quantisation = "7 bits"
"""Round each component to one of 128 values, then rank the nearest ones by their full vectors."""


@dataclass(frozen=True, slots=True)
class IndexLayout:
    """Number of shards of a created index, and the precision of its vectors."""

    shards: int = 1
    quantisation: Quantisation = WHOLE_VECTORS


WHOLE_INDEX = IndexLayout()
"""One shard of full vectors."""
