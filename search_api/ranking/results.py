"""A page of results: documents with authors, excerpts and the parts of their score."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from connectors.values import CONVERSATION_HEADINGS, Agent, Contribution, ContributorRole
from expertise.visibility import may_be_named
from indexer.french.analysis import analyse, analyse_query, fold
from indexer.passages import sentences
from indexer.relevance import says_nothing
from indexer.values import (
    Card,
    FacetValue,
    HitAttributes,
    Passage,
    Question,
    ShownDocument,
    ShownPassage,
)
from search_api.query.parser import QueryPart
from search_api.query.query import ResultOrder
from search_api.ranking.fusion import FusedHit, RankingEffect
from search_api.ranking.preamble import Span, after_colon, after_preamble
from search_api.ranking.reranking import Successors

EXCERPT_CHARACTERS = 320


@dataclass(frozen=True, slots=True)
class ExcerptPart:
    """Text to be escaped when shown; `marked` if it matches a word of the question."""

    text: str
    marked: bool = False


def excerpt(
    text: str, highlights: Sequence[Span], length: int = EXCERPT_CHARACTERS
) -> list[ExcerptPart]:
    """Return the excerpt of `excerpt_span` in marked and unmarked pieces; «…» replaces the rest.

    `highlights` are offsets into `text`; overlapping or outside highlights are not marked.
    """
    start, end = excerpt_span(text, highlights, length)
    before = [ExcerptPart("… ")] if text[:start].strip() else []
    behind = [ExcerptPart(" …")] if text[end:].strip() else []
    return [*before, *marked_pieces(text, start, end, highlights), *behind]


def marked_pieces(text: str, start: int, end: int, highlights: Sequence[Span]) -> list[ExcerptPart]:
    """Return the text from `start` to before `end`, in marked and unmarked pieces."""
    pieces = []
    at = start
    for first, last in sorted(highlights):
        if at <= first < last <= end:
            pieces += [ExcerptPart(text[at:first]), ExcerptPart(text[first:last], marked=True)]
            at = last
    pieces.append(ExcerptPart(text[at:end]))
    return [piece for piece in pieces if piece.text]


def excerpt_span(text: str, highlights: Sequence[Span], length: int = EXCERPT_CHARACTERS) -> Span:
    """Return the neighbouring sentences, up to `length` characters, that best match the question.

    The most distinct marked words win, then the most marks, then the earliest position. A longer
    sentence is cut between words, around its first mark. A preamble (`after_preamble`) is left out.
    """
    whole = [_stripped(text, span) for span in sentences(text)]
    whole = [span for span in whole if span[0] < span[1]]
    spans = after_preamble(text, whole, highlights)
    if spans:
        spans = [after_colon(text, spans[0], highlights), *spans[1:]]
    begins = spans[0][0] if spans[:1] != whole[:1] else 0
    if len(text) - begins <= length:
        return begins, len(text)
    best, found = (0, len(text)), (-1, -1)
    for number, (start, _) in enumerate(spans):
        end = _last_whole_sentence(spans[number:], start + length)
        marked = [fold(text[a:b].lower()) for a, b in highlights if start <= a < b <= end]
        told = len(set(marked)), len(marked)
        if told > found:
            best, found = (start, end), told
    if best[1] - best[0] <= length:
        return best
    return _cut(text, best, [mark for mark in highlights if best[0] <= mark[0] < best[1]], length)


def _last_whole_sentence(spans: Sequence[Span], limit: int) -> int:
    """Return the end of the last whole sentence within the limit, at least of the first one."""
    end = spans[0][1]
    for _, last in spans[1:]:
        if last > limit:
            break
        end = last
    return end


def _stripped(text: str, span: Span) -> Span:
    piece = text[span[0] : span[1]]
    start = span[0] + len(piece) - len(piece.lstrip())
    return start, start + len(piece.strip())


def _cut(text: str, within: Span, marks: Sequence[Span], length: int) -> Span:
    """Return `length` characters around the first mark, cut between words, within one sentence."""
    first, last = within
    focus = marks[0][0] if marks else first
    start = max(first, min(focus - length // 4, last - length))
    if start > first:
        space = text.find(" ", start, start + 40)
        start = space + 1 if 0 <= space < focus else start
    end = min(last, start + length)
    if end < last:
        space = text.rfind(" ", end - 40, end)
        end = space if space > start else end
    return start, end


@dataclass(frozen=True, slots=True)
class DocumentAuthor:
    """A contributor, with their agent if the directory knows them and they may be named.

    `name` comes from the directory for such an agent, else from the source.
    """

    name: str
    role: ContributorRole
    agent: Agent | None
    departed: bool

    @property
    def agent_id(self) -> str | None:
        """Id of the agent, None if there is none."""
        return self.agent.id if self.agent else None

    @property
    def shown(self) -> Agent | None:
        """The agent if they are in post and thus have a page, else None."""
        return None if self.departed else self.agent


@dataclass(frozen=True, slots=True)
class Result:
    """One document of the page.

    `passages` come best first; in a conversation, `voices[i]` is the author of `passages[i]`.
    `copies` are other places of the same text. Of other documents, only those that the reader may
    read too.
    """

    card: Card
    authors: tuple[DocumentAuthor, ...]
    passages: tuple[ShownPassage, ...]
    voices: tuple[DocumentAuthor | None, ...]
    parts: FusedHit
    replaces: tuple[Card, ...] = ()
    replaced_by: tuple[Card, ...] = ()
    part_of: Card | None = None
    copies: tuple[Card, ...] = ()

    @property
    def answering(self) -> tuple[tuple[ShownPassage, DocumentAuthor | None], ...]:
        """The best passage, and the others with words of the question, each with its author."""
        pairs = list(zip(self.passages, self.voices, strict=True))
        return (*pairs[:1], *(pair for pair in pairs[1:] if pair[0].highlights))

    @property
    def pinned(self) -> bool:
        """Whether it comes first because of a pinned question."""
        return RankingEffect.PINNED in self.parts.effects

    @property
    def marked(self) -> set[str]:
        """The words of the question in the passages shown, as they are written there."""
        return {shown.passage.text[a:b] for shown in self.passages for a, b in shown.highlights}

    @property
    def matched_question(self) -> str:
        """The expected question of the document that is near the reader's; empty if none is."""
        number, questions = self.parts.question, self.card.questions
        # The card may have been read after the document was written again.
        return questions[number] if number is not None and number < len(questions) else ""


@dataclass(frozen=True, slots=True)
class ResultCounts:
    """Numbers of documents that match. `reachable` results can be shown on pages, at most W.

    A text that lies in several places is one result; `total` and facets count each place. `beyond`
    is true if more documents match than there are results. `worded` documents of the total contain
    words of the question, or more than that if `worded_more`; the others are near by vector only.
    Without a question all are counted.
    """

    total: int
    worded: int
    worded_more: bool
    reachable: int
    beyond: bool


@dataclass(frozen=True, slots=True)
class Quote:
    """Neighbouring whole sentences of the document of a card.

    `section`: the heading of their passage, empty for a conversation. `author` wrote them.
    `accepted`: they are from an accepted answer; otherwise from a document in force. `dated` is the
    document's last change, or its creation.
    """

    text: str
    card: Card
    section: str
    author: DocumentAuthor
    accepted: bool
    dated: datetime | None


@dataclass(frozen=True, slots=True)
class DirectAnswer:
    """At most three sentences that answer, from at most three documents, the surest first.

    `differs`: the last quote is of an older document and says otherwise than the first one.
    """

    quotes: tuple[Quote, ...]
    differs: bool = False

    @property
    def first(self) -> Quote:
        """The quote that answers; the other quotes add to it."""
        return self.quotes[0]

    def among(self, readable: Collection[str]) -> "DirectAnswer | None":
        """Return the answer with only quotes of these documents; None without its first quote."""
        quotes = tuple(one for one in self.quotes if one.card.document_id in readable)
        if self.first not in quotes:
            return None
        return DirectAnswer(quotes, self.differs and len(quotes) > 1)


@dataclass(frozen=True, slots=True)
class Results:
    """One page of results; `more` is true if another page follows.

    `counts` are None, and there are no facets, if the question is restricted to a person:
    contributions of a person are shown but never counted. `wide`: documents that are only near were
    requested too; `wider`: there are such documents, and they were left out.

    `answered`: a document is expected to answer, or the page was narrowed; otherwise all documents
    are only near the question. `few`: none comes near enough, so that `results` are the few nearest
    ones, all counts are 0, and there are no facets. `direct`: the sentences that answer, on the
    first page, if sure. All three are estimated from `features` (`search_api.ranking.answered`) and
    sentences (`search_api.ranking.direct_answer`).

    `understood` are the query's operators as they were read. `incomplete` names the authorities
    that did not answer: results may be missing.
    """

    question: Question
    order: ResultOrder
    results: tuple[Result, ...]
    counts: ResultCounts | None
    page: int
    page_size: int
    facets: Mapping[str, tuple[FacetValue, ...]]
    shortened: bool
    incomplete: tuple[str, ...]
    more: bool = False
    wide: bool = False
    wider: bool = False
    understood: tuple[QueryPart, ...] = ()
    answered: bool = True
    few: bool = False
    direct: DirectAnswer | None = None
    features: tuple[float, ...] = ()

    @property
    def found(self) -> int:
        """The total; if nothing is counted, 1 with results and 0 without."""
        return self.counts.total if self.counts else int(bool(self.results) or self.page > 1)

    @property
    def marked(self) -> bool:
        """Whether a passage of this page contains a word of the question."""
        return any(shown.highlights for one in self.results for shown in one.passages)

    @property
    def wordless(self) -> bool:
        """Whether the question consists of symbols, or of words without meaning."""
        return says_nothing(self.question)


_CONVERSATION_ROLES = (
    ContributorRole.ASKER,
    ContributorRole.ACCEPTED_ANSWERER,
    ContributorRole.ANSWERER,
    ContributorRole.COMMENTER,
)
"""Roles of the speakers in a conversation; in other documents passages have no author."""

_BEST_PARTS = (
    ContributorRole.ACCEPTED_ANSWERER,
    ContributorRole.ANSWERER,
    ContributorRole.ASKER,
    ContributorRole.COMMENTER,
)
"""Roles whose parts an excerpt of a conversation prefers, best first."""

PASSAGES = 3
"""Number of passages shown of a document; all but the best are folded away."""

CONVERSATION_PASSAGES = 12
"""Number of passages read of a conversation, so that the accepted answer is among them."""


def conversations(cards: Iterable[Card]) -> tuple[str, ...]:
    """Return the ids of documents in which somebody asks and others answer or comment."""
    return tuple(
        card.document_id
        for card in cards
        if any(row.role in _CONVERSATION_ROLES for row in card.contributions)
    )


def best_parts(one: ShownDocument) -> tuple[ShownPassage, ...]:
    """Return the passages to show, best first: in a conversation, answers before the question.

    Thanks and other comments are shown only if the conversation has no other passage. After the
    best passage, those with words of the question are preferred.
    """
    if not conversations([one.card]):
        return one.passages[:PASSAGES]
    ranked = [(_part_rank(shown.passage, one.card), shown) for shown in one.passages]
    comment = _BEST_PARTS.index(ContributorRole.COMMENTER)
    kept = sorted(
        [pair for pair in ranked if pair[0] < comment] or ranked, key=lambda pair: pair[0]
    )
    others = sorted(kept[1:], key=lambda pair: not pair[1].highlights)[: PASSAGES - 1]
    ordered = [*kept[:1], *sorted(others, key=lambda pair: pair[0])]
    return tuple(shown for _, shown in ordered)


def _part_rank(passage: Passage, card: Card) -> int:
    role = _part_role(passage, card) or ContributorRole.ASKER
    return _BEST_PARTS.index(role)


def _part_role(passage: Passage, card: Card) -> ContributorRole | None:
    """Return the role in which a part of a conversation was written, by heading and author."""
    headed = HEADED_ROLES.get(passage.heading)
    said = {row.role for row in card.contributions if row.account == passage.author}
    if headed and (headed in said or passage.author is None):
        return headed
    roles = [role for role in _CONVERSATION_ROLES if role in said]
    if len(roles) > 1 and passage.heading and roles[0] is ContributorRole.ASKER:
        roles = roles[1:]
    return roles[0] if roles else None


HEADED_ROLES = {heading: role for role, heading in CONVERSATION_HEADINGS.items()}
"""The role for each heading that a record gives to the parts of a conversation."""


def page_results(
    page: Sequence[FusedHit],
    shown: Sequence[ShownDocument],
    named: Mapping[str, Card],
    agents: Mapping[str, Agent],
    today: date,
    succession: Successors,
) -> tuple[Result, ...]:
    """Return the page's documents that the reader may still read, in order.

    `succession` contains the replacements among these documents and the documents that they name.
    `named` are the readable cards of the copies, and of the documents that the page's documents
    name.
    """
    hits = {one.document_id: one for one in page}
    return tuple(
        Result(
            card=one.card,
            authors=document_authors(one.card.contributions, agents, today),
            passages=(parts := best_parts(one)),
            voices=tuple(passage_author(part.passage, one.card, agents, today) for part in parts),
            parts=hits[one.card.document_id],
            replaces=tuple(
                named[name]
                for name in one.card.replaces
                if name in named and succession.replaces(one.card.document_id, name)
            ),
            replaced_by=replacing(one, succession),
            part_of=named.get(one.card.part_of),
            copies=tuple(
                named[copy] for copy in hits[one.card.document_id].copies if copy in named
            ),
        )
        for one in shown
    )


def replacing(one: ShownDocument, succession: Successors) -> tuple[Card, ...]:
    """Return the cards of the documents that directly replace a document."""
    return tuple(
        successor
        for successor in one.successors
        if succession.replaces(successor.document_id, one.card.document_id)
    )


def page_marks(
    shown: Sequence[ShownDocument], named: Mapping[str, Card]
) -> dict[str, HitAttributes]:
    """Return attributes of a page's documents, their successors and the documents they name."""
    cards = [*named.values(), *(successor for one in shown for successor in one.successors)]
    cards += [one.card for one in shown]
    return {
        card.document_id: HitAttributes(
            card.source, valid_from=card.valid_from, replaces=card.replaces
        )
        for card in cards
    }


_WRITERS_FIRST = (
    ContributorRole.AUTHOR,
    ContributorRole.EDITOR,
    ContributorRole.ACCEPTED_ANSWERER,
    ContributorRole.ANSWERER,
    ContributorRole.REVIEWER,
    ContributorRole.ASKER,
    ContributorRole.COMMENTER,
    ContributorRole.UPLOADER,
    ContributorRole.FORWARDER,
    ContributorRole.BOT,
)


def document_authors(
    rows: Iterable[Contribution], agents: Mapping[str, Agent], today: date
) -> tuple[DocumentAuthor, ...]:
    """Return contributors, writers before commenters, then in the source's order, each once.

    A contributor with several roles has the first of them in `_WRITERS_FIRST`: an author who later
    corrected their page is its author.
    """
    found: dict[str, DocumentAuthor] = {}
    for row in sorted(rows, key=lambda row: _WRITERS_FIRST.index(row.role)):
        one = _document_author(row, agents, today)
        found.setdefault(one.agent.id if one.agent else row.account, one)
    return tuple(found.values())


def passage_author(
    passage: Passage, card: Card, agents: Mapping[str, Agent], today: date
) -> DocumentAuthor | None:
    """Return the author of a passage of a conversation, with their role; None elsewhere.

    A question has no heading, an answer has one: this distinguishes the two if askers answered
    themselves.
    """
    rows = {row.role: row for row in card.contributions if row.account == passage.author}
    role = _part_role(passage, card)
    return _document_author(rows[role], agents, today) if role in rows else None


def _document_author(row: Contribution, agents: Mapping[str, Agent], today: date) -> DocumentAuthor:
    """Return the contributor; agents who may not be named keep the source's name."""
    known = agents.get(row.account)
    agent = known if known and may_be_named(known) else None
    return DocumentAuthor(
        name=agent.name if agent else row.label or row.account.partition(":")[2],
        role=row.role,
        agent=agent,
        departed=agent is not None and agent.departed(today),
    )


MOST_WORDS = 8
"""Number of words listed in one sentence."""

_EFFECT_SENTENCES = {
    RankingEffect.PINNED: "Il vient d’abord : une de ses questions épinglées est dans la vôtre.",
    RankingEffect.RECENT: "Il est récent, ce qui le relève un peu.",
    RankingEffect.TRUSTED: "Sa source est de celles que vos administrateurs relèvent.",
    RankingEffect.DISTRUSTED: "Sa source est de celles que vos administrateurs abaissent.",
    RankingEffect.EXPIRED: "Il n’est plus en vigueur, ce qui l’abaisse.",
    RankingEffect.REPLACED: "Il est rangé sous le document qui le remplace.",
    RankingEffect.SUCCEEDS: "Il tient la place d’un document qu’il remplace.",
}


def explanation(result: Result, results: Results) -> tuple[str, ...]:
    """Return French sentences on the result's place, most important first; none without a question.

    Ranks count the documents that this reader may read, in the reader's own rankings; without
    counts no rank is given.
    """
    question = results.question
    if not question.names_something:
        return ()
    by_date = results.order is ResultOrder.DATE
    place = "Les résultats sont rangés par date." if by_date else ""
    if not by_date and results.counts is not None and not result.pinned:
        place = _rank_sentence(result)
    moved = [] if by_date else [_EFFECT_SENTENCES[effect] for effect in result.parts.effects]
    if result.parts.near_hits > 0:
        moved.insert(0, "Il est proche d’autres résultats bien placés, ce qui le relève un peu.")
    if result.parts.topic and result is not results.results[0]:
        moved.insert(0, "Il traite du même sujet qu’un document bien placé, ce qui le relève.")
    if result.parts.second_model is not None and not by_date:
        moved.insert(0, _second_model_sentence(result.parts.second_model))
    if result.matched_question and not by_date:
        moved.insert(0, "Une question attendue de ce document est proche de la vôtre.")
    if result.parts.title and not by_date:
        moved.insert(0, "Son titre dit presque votre question, ce qui le relève un peu.")
    if result.parts.learned:
        way = "le relève" if result.parts.learned > 0 else "l’abaisse"
        moved.append(f"Le classement, réglé sur les questions de votre administration, {way}.")
    return tuple(filter(None, [*_word_sentences(result, question), place, *moved]))


LEAST_MOVED = 1e-9


def _second_model_sentence(moved: float) -> str:
    if abs(moved) < LEAST_MOVED:
        return "Il a été relu par un second modèle, qui le laisse où il est."
    how = "relève" if moved > 0 else "abaisse"
    return f"Il a été relu par un second modèle, ce qui l{'e ' if moved > 0 else '’'}{how}."


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
    """Return the French sentence on the ranks by words and by meaning."""
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
        "votre question ; trop peu de ses mots s’y trouvent."
    )


def _ordinal(rank: int) -> str:
    return "1er" if rank == 1 else f"{rank}e"
