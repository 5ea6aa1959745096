"""Why a document stands where it stands, in sentences: of what the reader may read alone."""

from indexer.french import analyse, asked
from indexer.values import Question
from search_api.catalogue.texts import _, marked
from search_api.questions.query import Order
from search_api.ranking.arranging import Effect
from search_api.results import Result, Results

MOST_WORDS = 8
"""So many words are named in one sentence."""

_MOVED = {
    Effect.RECENT: marked("Il est récent, ce qui le relève un peu."),
    Effect.TRUSTED: marked("Sa source est de celles que vos administrateurs relèvent."),
    Effect.DISTRUSTED: marked("Sa source est de celles que vos administrateurs abaissent."),
    Effect.EXPIRED: marked("Il n’est plus en vigueur, ce qui l’abaisse."),
    Effect.REPLACED: marked("Il est rangé sous le document qui le remplace."),
    Effect.SUCCEEDS: marked("Il tient la place d’un document qu’il remplace."),
}


def explained(result: Result, results: Results) -> tuple[str, ...]:
    """French sentences, the weightiest first; none where nothing was asked.

    Ranks count the documents that this reader may read, as their own rankings have them; no rank
    is said where nothing is counted.
    """
    question = results.question
    if not question.names_something:
        return ()
    by_date = results.order is Order.DATE
    place = _("Les résultats sont rangés par date.") if by_date else ""
    if not by_date and results.counts is not None:
        place = _place(result)
    moved = [] if by_date else [_(_MOVED[effect]) for effect in result.effects]
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
    return [
        _("Le titre contient\u00a0: %(words)s.", words=_listed(titled)) if titled else "",
        _("Le passage contient\u00a0: %(words)s.", words=_listed(said)) if said else "",
    ]


def _listed(words: list[str]) -> str:
    once = list({word.lower(): word for word in reversed(words)}.values())[::-1]
    return ", ".join(once[:MOST_WORDS]) + (", …" if len(once) > MOST_WORDS else "")


def _place(result: Result) -> str:
    """By which ranking, and how well, among what the reader may read."""
    parts = result.parts
    words, sense = parts.lexical_rank, parts.vector_rank
    if words and sense:
        return _(
            "Parmi les documents que vous pouvez lire, il est %(words)s par les mots de "
            "votre question et %(sense)s par son sens.",
            words=_nth(words),
            sense=_nth(sense),
        )
    if words:
        return _(
            "Parmi les documents que vous pouvez lire, il est %(words)s par les mots.",
            words=_nth(words),
        )
    return _(
        "Parmi les documents que vous pouvez lire, il est %(sense)s par le sens de votre "
        "question, sans en avoir assez de mots pour compter par là.",
        sense=_nth(sense or 1),
    )


def _nth(rank: int) -> str:
    return _("1er") if rank == 1 else _("%(rank)se", rank=rank)
