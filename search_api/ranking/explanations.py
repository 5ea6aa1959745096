"""Explain a result's place in sentences, from what the reader may read alone."""

from indexer.french.analysis import analyse, analyse_query
from indexer.values import Question
from search_api.questions.query import ResultOrder
from search_api.ranking.reranking import RankingEffect
from search_api.ranking.results import Result, Results

MOST_WORDS = 8
"""So many words are named in one sentence."""

_EFFECT_SENTENCES = {
    RankingEffect.RECENT: "Il est récent, ce qui le relève un peu.",
    RankingEffect.TRUSTED: "Sa source est de celles que vos administrateurs relèvent.",
    RankingEffect.DISTRUSTED: "Sa source est de celles que vos administrateurs abaissent.",
    RankingEffect.EXPIRED: "Il n’est plus en vigueur, ce qui l’abaisse.",
    RankingEffect.REPLACED: "Il est rangé sous le document qui le remplace.",
    RankingEffect.SUCCEEDS: "Il tient la place d’un document qu’il remplace.",
}


def explanation(result: Result, results: Results) -> tuple[str, ...]:
    """French sentences, the weightiest first; none where nothing was asked.

    Ranks count the documents that this reader may read, as their own rankings have them; no rank
    is said where nothing is counted.
    """
    question = results.question
    if not question.names_something:
        return ()
    by_date = results.order is ResultOrder.DATE
    place = "Les résultats sont rangés par date." if by_date else ""
    if not by_date and results.counts is not None:
        place = _rank_sentence(result)
    moved = [] if by_date else [_EFFECT_SENTENCES[effect] for effect in result.effects]
    return tuple(filter(None, [*_word_sentences(result, question), place, *moved]))


def _word_sentences(result: Result, question: Question) -> list[str]:
    wanted = {term.term for term in analyse_query(question.words)}
    title = result.card.title
    titled = [title[t.start : t.end] for t in analyse(title) if not wanted.isdisjoint(t.all)]
    said = [
        shown.passage.text[start:end]
        for shown in result.passages[:1]
        for start, end in shown.highlights
    ]
    return [
        f"Le titre contient\u00a0: {_listed(titled)}." if titled else "",
        f"Le passage contient\u00a0: {_listed(said)}." if said else "",
    ]


def _listed(words: list[str]) -> str:
    once = list({word.lower(): word for word in reversed(words)}.values())[::-1]
    return ", ".join(once[:MOST_WORDS]) + (", …" if len(once) > MOST_WORDS else "")


def _rank_sentence(result: Result) -> str:
    """By which ranking, and how well, among what the reader may read."""
    parts = result.parts
    words, sense = parts.lexical_rank, parts.vector_rank
    if words and sense:
        return (
            f"Parmi les documents que vous pouvez lire, il est {_ordinal(words)} par les mots de "
            f"votre question et {_ordinal(sense)} par son sens."
        )
    if words:
        return f"Parmi les documents que vous pouvez lire, il est {_ordinal(words)} par les mots."
    return (
        f"Parmi les documents que vous pouvez lire, il est {_ordinal(sense or 1)} par le sens de "
        "votre question, sans en avoir assez de mots pour compter par là."
    )


def _ordinal(rank: int) -> str:
    return "1er" if rank == 1 else f"{rank}e"
