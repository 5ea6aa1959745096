"""Precision of the vectors that an index compares first. Full vectors are always stored too."""

from typing import Literal

Quantisation = Literal["none", "7 bits"]
WHOLE_VECTORS: Quantisation = "none"
"""Compare full vectors: 32 bits per component."""
SEVEN_BITS: Quantisation = "7 bits"
"""Round each component to one of 128 values, then rank the nearest ones by their full vectors."""
