"""How small the vectors are that an index compares first. It keeps the whole ones in any case."""

from typing import Literal

Quantisation = Literal["none", "7 bits"]
WHOLE_VECTORS: Quantisation = "none"
"""Vectors are compared as they are: 32 bits a number."""
SEVEN_BITS: Quantisation = "7 bits"
"""Each number is rounded to one of 128 values; what is found so is ranked by the whole vectors."""
