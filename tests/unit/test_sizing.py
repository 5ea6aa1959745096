"""Sizing: more documents never need smaller machines, and the advice fits the given numbers."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from indexer.quantisation import SEVEN_BITS, WHOLE_VECTORS
from quisait import cli
from quisait.application.engines import MOST_PASSAGES
from quisait.work.sizing import (
    LEAST_NODES,
    MOST_HEAP_GIB,
    MOST_SHARD_GIB,
    SizingAnswer,
    SizingQuestion,
    sized,
)
from search_api.wording import number

DOCS = Path(__file__).parents[2] / "docs"
QUESTIONS = st.builds(
    SizingQuestion,
    documents=st.integers(1, 10**9),
    passages_per_document=st.floats(0.5, 50),
    dimension=st.integers(64, 4096),
    node_gib=st.integers(2, 1024),
    replicas=st.integers(0, 3),
    encoded_per_s=st.floats(0.1, 10_000),
    quantisation=st.sampled_from([WHOLE_VECTORS, SEVEN_BITS]),
)


@given(QUESTIONS)
def test_what_is_told_holds_what_is_asked(asked: SizingQuestion) -> None:
    """Vectors of all copies fit beside the heaps, shards are small enough, copies stand apart."""
    found = sized(asked)
    assert (found.engine == "embedded") == (found.passages <= MOST_PASSAGES)
    assert found.disk_gib > found.vectors_gib * 0.9
    if found.engine == "embedded":
        assert (found.nodes, found.shards, found.replicas) == (1, 0, 0)
        return
    heap = min(asked.node_gib / 2, MOST_HEAP_GIB)
    held = found.vectors_gib * (1 + asked.replicas)
    assert held <= found.nodes * (asked.node_gib - heap) * 1.000001
    assert found.disk_gib <= found.shards * MOST_SHARD_GIB * 1.000001
    assert found.nodes >= (LEAST_NODES if asked.replicas else 1)
    assert found.nodes <= max(LEAST_NODES, found.shards * (1 + asked.replicas))


@given(QUESTIONS, st.integers(2, 100))
def test_more_documents_take_no_less(asked: SizingQuestion, times: int) -> None:
    """Of anything, on one engine."""

    def costs(found: SizingAnswer) -> tuple[float, ...]:
        return (
            found.vectors_gib,
            found.disk_gib,
            found.shards,
            found.nodes,
            found.encoding_days,
            found.extraction_days,
        )

    more = SizingQuestion(
        asked.documents * times,
        asked.passages_per_document,
        asked.dimension,
        asked.node_gib,
        asked.replicas,
        asked.encoded_per_s,
        asked.quantisation,
    )
    few, many = sized(asked), sized(more)
    if few.engine == many.engine:
        pairs = zip(costs(few), costs(many), strict=True)
        assert all(less <= greater for less, greater in pairs)


def test_small_vectors_take_less_memory_and_more_disk() -> None:
    """The whole ones are kept beside them."""
    whole = sized(SizingQuestion(10_000_000))
    small = sized(SizingQuestion(10_000_000, quantisation=SEVEN_BITS))
    assert small.vectors_gib < whole.vectors_gib / 3
    assert small.disk_gib > whole.disk_gib


def test_the_command_tells_the_same_to_a_program() -> None:
    """Each number of documents that is asked for, in its order."""
    done = CliRunner().invoke(cli.app, ["size", "20000", "5000000", "--replicas", "0", "--json"])
    assert done.exit_code == 0
    small, large = json.loads(done.stdout)
    assert (small["documents"], small["engine"]) == (20_000, "embedded")
    assert (large["documents"], large["engine"], large["nodes"]) == (5_000_000, "opensearch", 1)
    asked = SizingQuestion(5_000_000, replicas=0)
    assert large["shards"] == sized(asked).shards


def test_the_page_tells_what_the_command_prints() -> None:
    """No figure of the table stands without a command that prints it."""
    told = CliRunner().invoke(cli.app, ["size"]).stdout.strip()
    assert told in (DOCS / "dimensionner.md").read_text("utf-8")
    limit = f"{number(MOST_PASSAGES)} passages".replace("\u202f", " ")
    assert limit in (DOCS / "dimensionner.md").read_text("utf-8")
