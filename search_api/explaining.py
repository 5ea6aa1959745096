"""Why a document stands where it stands, in sentences: of what the reader may read alone."""

from indexer.french import analyse, asked
from indexer.values import Question
from search_api.arranging import Effect
from search_api.query import Order
from search_api.results import Result, Results

MOST_WORDS = 8
"""So many words are named in one sentence."""

_MOVED = {
    Effect.RECENT: "Il est récent, ce qui le relève un peu.",
    Effect.TRUSTED: "Sa source est de celles que vos administrateurs relèvent.",
    Effect.DISTRUSTED: "Sa source est de celles que vos administrateurs abaissent.",
    Effect.EXPIRED: "Il n’est plus en vigueur, ce qui l’abaisse.",
    Effect.REPLACED: "Il est rangé sous le document qui le remplace.",
    Effect.SUCCEEDS: "Il tient la place d’un document qu’il remplace.",
}


def explained(result: Result, results: Results) -> tuple[str, ...]:
    """French sentences, the weightiest first; none where nothing was asked.

    Ranks count the documents that this reader may read, as their own rankings have them.
    """
    question = results.question
    if not question.names_something:
        return ()
    by_date = results.order is Order.DATE
    place = "Les résultats sont rangés par date." if by_date else _place(result)
    moved = [] if by_date else [_MOVED[effect] for effect in result.effects]
    return tuple(filter(None, [*_words(result, question), place, *moved]))


def _words(result: Result, question: Question) -> list[str]:
    wanted = {term.term for term in asked(question.words)}
    title = result.card.title
    titled = [title[t.start : t.end] for t in analyse(title) if not wanted.isdisjoint(t.all)]
    said = [
        shown.passage.text[start:end]
        for shown in result.passages[:1]
        for start, end in shown.highlights
    ]
    return [_listed("Le titre contient", titled), _listed("Le passage contient", said)]


def _listed(beginning: str, words: list[str]) -> str:
    once = list({word.lower(): word for word in reversed(words)}.values())[::-1]
    if not once:
        return ""
    more = ", …" if len(once) > MOST_WORDS else ""
    return f"{beginning}\u00a0: {', '.join(once[:MOST_WORDS])}{more}."


def _place(result: Result) -> str:
    """By which ranking, and how well, among what the reader may read."""
    parts = result.parts
    words, sense = parts.lexical_rank, parts.vector_rank
    if words and sense:
        return (
            f"Parmi les documents que vous pouvez lire, il est {_nth(words)} par les mots de "
            f"votre question et {_nth(sense)} par son sens."
        )
    if words:
        return f"Parmi les documents que vous pouvez lire, il est {_nth(words)} par les mots."
    return (
        f"Parmi les documents que vous pouvez lire, il est {_nth(sense or 1)} par le sens de votre "
        "question, sans en avoir assez de mots pour compter par là."
    )


def _nth(rank: int) -> str:
    return "1er" if rank == 1 else f"{rank}e"
