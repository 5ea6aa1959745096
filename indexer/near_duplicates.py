"""Finds texts that are copies of each other by signatures stored with documents. Pure functions."""

import hashlib
import re
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from indexer.french.analysis import fold
from indexer.values import Passage

RUN_WORDS = 3
"""Number of consecutive words that are hashed together, ignoring case and accents."""

LEAST_RUNS = 30
"""Minimum number of runs of a text with a signature: short texts, such as polite phrases, are often
alike.
"""

RUN_BYTES, NUMBER_BYTES = 128, 64

LEAST_RESEMBLANCE = 0.9
LEAST_NUMBERS = 0.2
"""Minimum resemblance of the numbers of two copies. It was chosen, with `LEAST_RESEMBLANCE`, on
planted copies and versions (`fe65daca:benchmarks/near_duplicates.py`).
"""

_BAND_BYTES = 8
_CHANCE = 1 / 256
"""Probability that two random bytes are equal."""

_NUMBER = re.compile(r"\d{2,}")
_WORD = re.compile(r"[^\W_]+")
_CUT = re.compile(r"(?<=\w)[-\u00ad][^\S\n]*\n\s*(?=\w)")
_SEED = 1


def signature(passages: Sequence[Passage]) -> bytes:
    """Return `RUN_BYTES` for the text's runs, then `NUMBER_BYTES` for its numbers.

    The signature is empty for a short text, and has no second part if the text has no numbers. It
    does not depend on how the text was cut into passages.
    """
    runs: set[str] = set()
    numbers: set[str] = set()
    for passage in passages:
        words = _WORD.findall(fold(_CUT.sub("", passage.text).lower()))
        runs.update(
            " ".join(words[at : at + RUN_WORDS]) for at in range(len(words) - RUN_WORDS + 1)
        )
        numbers.update(word for word in words if _NUMBER.fullmatch(word))
    if len(runs) < LEAST_RUNS:
        return b""
    return _sketch(runs, RUN_BYTES) + (_sketch(numbers, NUMBER_BYTES) if numbers else b"")


def same_text(first: bytes, other: bytes) -> bool:
    """Return whether two signatures share most of their runs and some numbers, like copies do.

    Next year's version of a note has nearly the same runs, but other numbers.
    """
    if resemblance(first[:RUN_BYTES], other[:RUN_BYTES]) < LEAST_RESEMBLANCE:
        return False
    numbers, others = first[RUN_BYTES:], other[RUN_BYTES:]
    return not (numbers and others) or resemblance(numbers, others) >= LEAST_NUMBERS


def bands(signed: bytes) -> list[tuple[int, bytes]]:
    """Return pieces of a signature with their places; copies have at least one piece in common.

    Two texts with a resemblance of `LEAST_RESEMBLANCE` have no piece in common in 1 of 8 000 cases.
    """
    runs = signed[:RUN_BYTES]
    return [(at, runs[at : at + _BAND_BYTES]) for at in range(0, len(runs), _BAND_BYTES)]


def shared_text(signed: Sequence[bytes]) -> list[int]:
    """Return the places, in order, of signatures that share one of their `bands` with another.

    All signatures are compared at once: hardly any of the hundreds in a result set has a copy.
    """
    whole = np.array([at for at, signed_text in enumerate(signed) if signed_text], dtype=np.int64)
    runs = b"".join(signed[at][:RUN_BYTES] for at in whole)
    columns = np.frombuffer(runs, f"u{_BAND_BYTES}").reshape(len(whole), RUN_BYTES // _BAND_BYTES)
    order = np.argsort(columns, axis=0)
    ordered = np.take_along_axis(columns, order, axis=0)
    same = ordered[1:] == ordered[:-1]
    shared = np.zeros(len(whole), dtype=np.bool_)
    shared[order[1:][same]] = shared[order[:-1][same]] = True
    repeated: list[int] = whole[shared].tolist()
    return repeated


def resemblance(first: bytes, other: bytes) -> float:
    """Return the estimated Jaccard similarity of two sets: shared members per member of either.

    From 0 to 1; 0 if either is empty.
    """
    if not first or not other:
        return 0.0
    same = np.frombuffer(first, np.uint8) == np.frombuffer(other, np.uint8)
    share = float(np.count_nonzero(same)) / len(first)
    return max(0.0, (share - _CHANCE) / (1 - _CHANCE))


def _sketch(members: set[str], size: int) -> bytes:
    """Return one byte per permutation: the lowest of its least hash over the members (MinHash).

    The hashes are those of datasketch's scheme `affine32` with seed 1, which stored signatures
    have: SHA-1, MurmurHash3's finalizer, then `a * hash + b`, all modulo 2**32.
    """
    hashes = np.array(
        [
            int.from_bytes(hashlib.sha1(feature, usedforsecurity=False).digest()[:4], "little")
            for feature in (member.encode("utf-8", "surrogatepass") for member in members)
        ],
        np.uint32,
    )
    hashes = (hashes ^ (hashes >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    hashes = (hashes ^ (hashes >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    hashes ^= hashes >> np.uint32(16)
    a, b = _permutations(size)
    return bytes((hashes[:, None] * a + b).min(axis=0).astype(np.uint8))


@cache
def _permutations(size: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Return factors `a` (odd) and offsets `b` of the hash functions x → a·x + b of MinHash."""
    drawn = np.random.RandomState(_SEED)
    a = drawn.randint(0, 1 << 31, size, np.uint32) * np.uint32(2) + np.uint32(1)
    return a, drawn.randint(0, 1 << 32, size, np.uint32)
