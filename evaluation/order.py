"""Compare weights of the order of documents (`search_api.ranking.window`) on administrations.

Each administration is also scored by the weights that are best on the other administrations.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evaluation.abstention import markdown_row
from evaluation.answers import ExpectedAnswer, Truth, document_ndcg
from expertise.places import place_in
from expertise.scoring import NO_TOPICS
from expertise.values import TopicsOf
from indexer.access import Reader
from search_api.context import AnswerContext
from search_api.query.query import Query
from search_api.ranking.fusion import FusedHit
from search_api.ranking.placed import placed
from search_api.ranking.reranking import RankingPreferences, reranked
from search_api.ranking.window import (
    MOST_ON_TOPIC,
    SERVED_WEIGHTS,
    WindowWeights,
    fused_window,
    on_topic,
)

COMPARED = {
    "what serves": SERVED_WEIGHTS,
    "without passages": replace(SERVED_WEIGHTS, passage=0.0),
    "without what is said": replace(SERVED_WEIGHTS, said=0.0),
    "passages and what is said count half": replace(SERVED_WEIGHTS, passage=0.15, said=0.15),
    "near hits .15": replace(SERVED_WEIGHTS, near_hits=0.15),
    "near hits .25": replace(SERVED_WEIGHTS, near_hits=0.25),
    "without the topic": replace(SERVED_WEIGHTS, topic=0.0),
    "topic .1": replace(SERVED_WEIGHTS, topic=0.1),
    "topic .3": replace(SERVED_WEIGHTS, topic=0.3),
    "near hits .15, without these three": WindowWeights(near_hits=0.15, passage=0, said=0, topic=0),
}


@dataclass(frozen=True, slots=True)
class JudgedOrder:
    """A question with judged documents, and their orders by weights."""

    expected: ExpectedAnswer
    orders: Mapping[WindowWeights, tuple[str, ...]]

    def scores(self, weights: WindowWeights) -> tuple[float, float]:
        """Return success@1 and nDCG@10."""
        shown = self.orders[weights]
        found = not self.expected.documents.isdisjoint(shown[:1])
        return float(found), document_ndcg(shown, self.expected)


def judge_orders(
    truth: Truth, context: AnswerContext, reader_of: Callable[[str], Reader]
) -> tuple[JudgedOrder, ...]:
    """Ask the questions with judged documents. Raises `IndexUnreachable`."""
    judged = []
    for want in truth.questions:
        if not want.documents:
            continue
        hits = context.search.hits(Query(want.text), reader_of(want.agent))
        found, words = hits.found, hits.request.question.words
        orders = {}
        for weights in COMPARED.values():
            window = fused_window(found, hits.request.vector, words, weights)
            window = placed(window, found.attributes, place_in(words))
            window = on_topic(window, _topics(window, context), weights.topic)
            kept = [
                one for one in window if found.members is None or one.document_id in found.members
            ]
            order = reranked(kept, found.attributes, RankingPreferences(), context.today())
            orders[weights] = tuple(one.document_id for one in order[:10])
        judged.append(JudgedOrder(want, orders))
    return tuple(judged)


def _topics(window: Sequence[FusedHit], context: AnswerContext) -> TopicsOf:
    if context.overview is None:
        return NO_TOPICS
    ids = [hit.document_id for hit in window[:MOST_ON_TOPIC]]
    return context.overview.topics_of(ids, context.today())


def order_text(administrations: Mapping[str, Sequence[JudgedOrder]]) -> str:
    """Return success@1 and nDCG@10 of each administration as Markdown.

    The last row has the weights that are best for the others' nDCG@10. Raises `ValueError` with
    fewer than two administrations.
    """
    if len(administrations) < 2:
        raise ValueError("Il faut les questions de deux installations au moins.")
    lines = [
        markdown_row(["weights", *(f"{one}: success@1 / nDCG@10" for one in administrations)], ""),
        markdown_row(["---"] * (1 + len(administrations)), ""),
    ]
    for label, weights in COMPARED.items():
        cells = [_cell(some, weights) for some in administrations.values()]
        lines.append(markdown_row([label, *cells], ""))
    chosen = {name: _chosen(administrations, name) for name in administrations}
    cells = [_cell(some, chosen[name]) for name, some in administrations.items()]
    lines += [markdown_row(["those that the others choose", *cells], ""), ""]
    labels = {weights: label for label, weights in COMPARED.items()}
    lines += [f"{name}: {labels[one]}" for name, one in chosen.items()]
    return "\n".join(lines)


def _chosen(administrations: Mapping[str, Sequence[JudgedOrder]], without: str) -> WindowWeights:
    """Return the weights with the best mean nDCG@10 of the other administrations."""
    others = [some for name, some in administrations.items() if name != without]
    return max(
        others[0][0].orders, key=lambda weights: sum(_means(some, weights)[1] for some in others)
    )


def _means(some: Sequence[JudgedOrder], weights: WindowWeights) -> tuple[float, float]:
    first, ndcg = np.mean([one.scores(weights) for one in some], axis=0).tolist()
    return first, ndcg


def _cell(some: Sequence[JudgedOrder], weights: WindowWeights) -> str:
    return " / ".join(f"{one:.3f}" for one in _means(some, weights))
