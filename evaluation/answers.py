"""Score an installation on its own questions against the expected people and documents."""

import json
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from expertise.answer_values import BuildStatus
from expertise.builds import IsolationQuery
from expertise.current_build import OpenBuild
from expertise.holders import Basis, IsolationScope
from expertise.peers import topic_view
from indexer.access import Reader
from indexer.french.analysis import folded_words
from search_api.context import AnswerContext
from search_api.people.service import MOST_CARDS
from search_api.query.query import Query
from search_api.search.service import QuestionAnswer, answer_question

FIRST_PAGE = 10
MOST_CLAIMS = 5000

_SCOPES = {
    IsolationScope.DEPARTEMENT: "departement",
    IsolationScope.REGION: "region",
    IsolationScope.COUNTRY: "country",
}
"""Names of scopes in `isolation.jsonl`."""


class QuestionForm(StrEnum):
    """How a question relates to another one that a document answers."""

    ORDINARY = ""
    NEAR = "near"
    """It differs in one thing, which changes the answer; no document answers it."""
    TWIN = "twin"
    """A near miss with the changed thing put right."""
    CONTROL = "control"
    """A paraphrase in words as lay as those of near misses."""


@dataclass(frozen=True, slots=True)
class ExpectedAnswer:
    """A question: its asker, and what a good answer shows.

    `right` and `acceptable` people and documents are ids. `nobody`: nobody knows. `no_documents`:
    no document answers. The direct answer is `direct_document` or one of `direct_texts` (folded).
    `half`: `a` if constants may be chosen on the question, `b` if it is kept for tests, or empty.
    """

    id: str
    agent: str
    text: str
    kind: str
    right: frozenset[str]
    acceptable: frozenset[str]
    wrong: frozenset[str]
    nobody: bool
    documents: frozenset[str]
    acceptable_documents: frozenset[str]
    no_documents: bool
    direct_document: str
    direct_texts: tuple[str, ...]
    form: QuestionForm = QuestionForm.ORDINARY
    half: str = ""

    @property
    def experts(self) -> frozenset[str]:
        """Ids of all agents whose card is right."""
        return self.right | self.acceptable


@dataclass(frozen=True, slots=True)
class Truth:
    """What a good installation would answer.

    `holders` maps (topic, agent) to the degree of knowledge, 0 to 3, or None if a claim about it is
    not counted. `alone` maps (topic, agent) to the scopes in which the claim that they are alone is
    right, and whether it has to be made. `near_misses` are of the forms near, twin and control. All
    three are empty if their files do not exist.
    """

    questions: tuple[ExpectedAnswer, ...]
    holders: Mapping[tuple[str, str], int | None]
    alone: Mapping[tuple[str, str], tuple[frozenset[str], bool]]
    near_misses: tuple[ExpectedAnswer, ...] = ()


def rephrased(truth: Truth, phrasing: str) -> Truth:
    """Return the truth with each question put in a phrase, in place of its `{}`.

    Raises `ValueError` without `{}`.
    """
    before, place, after = phrasing.partition("{}")
    if not place:
        raise ValueError("La phrase doit contenir « {} », la place de la question.")
    asked = tuple(replace(one, text=f"{before}{one.text}{after}") for one in truth.questions)
    return replace(truth, questions=asked)


def of_half(truth: Truth, half: str) -> Truth:
    """Keep the questions and near misses whose `half` is this one.

    Raises `ValueError` if there are none.
    """
    questions, near = (
        tuple(one for one in asked if one.half == half)
        for asked in (truth.questions, truth.near_misses)
    )
    if not questions and not near:
        raise ValueError(f"Aucune question n'a « {half} » pour moitié (half).")
    return replace(truth, questions=questions, near_misses=near)


def read_truth(folder: Path) -> Truth:
    """Read `questions.jsonl` and, if they exist, `holders.jsonl`, `isolation.jsonl`, `facts.txt`.

    A line of `facts.txt` is `question|words|words…`: the direct answer has one of these words.
    `near_misses.jsonl` is read, too; without `agent`, the agents of the questions ask in turn.
    Questions without `agent` are asked by the `demo_agent` of the settings. In both files, `fact`
    is `words|words…`, as in `facts.txt`.

    They are in the folder or in its `truth`. Raises `OSError`, `ValueError` or `KeyError`.
    """
    if not (folder / "questions.jsonl").is_file():
        folder /= "truth"
    alone: dict[tuple[str, str], tuple[frozenset[str], bool]] = {}
    for row in _rows(folder / "isolation.jsonl"):
        if "alone_in" in row:
            alone[row["topic"], row["agent"]] = (
                frozenset(map(_scope, row["alone_in"])),
                bool(row["alone_in"]),
            )
        else:
            alone |= _by_agent(row)
    facts = folder / "facts.txt"
    lines = facts.read_text("utf-8").splitlines() if facts.is_file() else []
    told = {id_: words for id_, *words in (line.split("|") for line in lines)}
    rows = _rows(folder / "questions.jsonl")
    return Truth(
        tuple(
            _expected(r | {"direct_contains": told[r["id"]]} if r["id"] in told else r)
            for r in rows
        ),
        {(row["topic"], row["agent"]): _degree(row) for row in _rows(folder / "holders.jsonl")},
        alone,
        tuple(
            _near_miss({"agent": rows[n % len(rows)].get("agent", "")} | row)
            for n, row in enumerate(_rows(folder / "near_misses.jsonl"))
        ),
    )


def _near_miss(row: Mapping[str, Any]) -> ExpectedAnswer:
    """Return the expected answer of a line of `near_misses.jsonl`; no people are expected."""
    form = QuestionForm(row["form"])
    documents = {"ideal": row["answers"], "ok": ()}
    no_documents = form is QuestionForm.NEAR
    return replace(
        _expected({**row, "documents": documents, "no_documents": no_documents}), form=form
    )


def _rows(path: Path) -> list[Any]:
    if not path.is_file() and path.name != "questions.jsonl":
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def _expected(row: Mapping[str, Any]) -> ExpectedAnswer:
    people, documents = row.get("experts", {"ideal": (), "ok": ()}), row["documents"]
    fact = [words for words in row.get("fact", "").split("|") if words]
    texts = map(folded, row.get("direct_contains") or fact)
    direct = row.get("direct_answer") if "direct_contains" not in row else None
    return ExpectedAnswer(
        row["id"],
        row.get("agent", ""),
        row["q"],
        row.get("kind", ""),
        frozenset(people["ideal"]),
        frozenset(people["ok"]),
        frozenset(people.get("wrong", ())),
        bool(row.get("nobody")),
        frozenset(documents["ideal"]) if row.get("judge_documents", True) else frozenset(),
        frozenset(documents["ok"]),
        bool(row.get("no_documents")),
        direct or "",
        tuple(texts),
        half=row.get("half", ""),
    )


def _degree(row: Mapping[str, Any]) -> int | None:
    """Return the degree, 0 for agents who may not be shown, None if it is not counted.

    Degree 1 and borderline cases are not counted.
    """
    unseen = row.get("departed") or row.get("restricted_only") or row.get("listed") is False
    if row.get("borderline") or row["degree"] == 1:
        return None
    return 0 if unseen else int(row["degree"])


def _scope(name: str) -> str:
    return "country" if name in ("france", "everywhere") else name


def _by_agent(row: Mapping[str, Any]) -> dict[tuple[str, str], tuple[frozenset[str], bool]]:
    """Read a line of `isolation.jsonl` that lists agents by scope, without agents not shown."""
    right: dict[str, set[str]] = defaultdict(set)
    must: set[str] = set()
    for scope, agents in row["only_in"].items():
        for agent in agents:
            right[agent].add(_scope(scope))
            must.add(agent)
    for scope, agents in row.get("accept", {}).items():
        for agent in agents:
            right[agent].add(_scope(scope))
    unseen = {*row.get("not_listed", ()), *row.get("departed_holders", ())}
    return {
        (row["topic"], agent): (frozenset(scopes), agent in must)
        for agent, scopes in right.items()
        if agent not in unseen
    }


@dataclass(slots=True)
class Share:
    """Number of cases, and of those that hold."""

    of: int = 0
    hits: float = 0.0

    def add(self, hit: float) -> None:
        """Count one more case."""
        self.of += 1
        self.hits += hit

    def __str__(self) -> str:
        """Return `82 % (25/31)`, or a dash without cases."""
        if not self.of:
            return "–"
        return f"{100 * self.hits / self.of:.0f} % ({self.hits:g}/{self.of})"


@dataclass(frozen=True, slots=True)
class QuestionScore:
    """The page shown for a question, and what was expected.

    `cards` are ids of agents, `documents` of documents, in order. `answered`: whether the page
    presents its documents as answers, not merely as near. `direct` is the id of the document of the
    direct answer, `direct_text` its folded text; both are empty without a direct answer.
    """

    expected: ExpectedAnswer
    cards: tuple[str, ...]
    documents: tuple[str, ...]
    answered: bool
    direct: str
    direct_text: str

    @property
    def faults(self) -> tuple[str, ...]:
        """Short French words for what is wrong with the page."""
        want = self.expected
        found = []
        if want.nobody and self.cards:
            found.append("personne-de-trop")
        elif want.experts and not self.cards:
            found.append("personne")
        elif want.experts and self.cards[0] not in want.experts:
            found.append("autre-d'abord")
        if want.wrong & set(self.cards):
            found.append("à-tort")
        if want.documents and not want.documents & set(self.documents[:1]):
            found.append("document")
        judged = want.direct_document or want.direct_texts or want.no_documents
        if self.direct and judged and not _direct_is_right(self):
            found.append("réponse")
        return tuple(found)


@dataclass(slots=True)
class AnswerScores:
    """The scored questions of an administration, and its figures by the names in `_LABELS`."""

    questions: list[QuestionScore] = field(default_factory=list)
    shares: dict[str, Share] = field(default_factory=lambda: defaultdict(Share))

    def add(self, one: QuestionScore) -> None:
        """Count one question."""
        self.questions.append(one)
        want, cards, count = one.expected, one.cards, self.shares
        if want.form is not QuestionForm.ORDINARY:
            self._add_near_miss(one)
            return
        if want.nobody:
            count["named_though_nobody"].add(bool(cards))
        elif want.experts:
            count["first_right"].add(bool(cards) and cards[0] in want.experts)
            count["nobody_named"].add(not cards)
            count["wrong_card"].add(bool(want.wrong & set(cards)))
        if want.documents:
            count["success_1"].add(bool(want.documents & set(one.documents[:1])))
            count["success_3"].add(bool(want.documents & set(one.documents[:3])))
            count["ndcg_10"].add(document_ndcg(one.documents, want))
        if want.no_documents:
            count["documents_though_none"].add(one.answered and bool(one.documents))
            count["direct_though_none"].add(bool(one.direct))
        if want.direct_document or want.direct_texts:
            count["direct_shown"].add(bool(one.direct))
            count["direct_right"].add(_direct_is_right(one))
            if one.direct:
                count["shown_right"].add(_direct_is_right(one))

    def _add_near_miss(self, one: QuestionScore) -> None:
        want, count = one.expected, self.shares
        if want.form is QuestionForm.NEAR:
            count["near_direct"].add(bool(one.direct))
            count["near_answered"].add(one.answered and bool(one.documents))
            return
        right = _direct_is_right(one) and one.direct in want.documents
        count[f"{want.form}_right"].add(right)
        count[f"{want.form}_first"].add(bool(want.documents & set(one.documents[:1])))
        if want.form is QuestionForm.CONTROL:
            count["control_unanswered"].add(not one.answered)


def document_ndcg(shown: Sequence[str], want: ExpectedAnswer) -> float:
    """Return nDCG@10 of documents: right ones have the grade 2, acceptable ones 1."""
    grades = dict.fromkeys(want.acceptable_documents, 1) | dict.fromkeys(want.documents, 2)
    discounts = [1 / math.log2(rank + 2) for rank in range(FIRST_PAGE)]
    gains = [grades.get(id_, 0) for id_ in shown[:FIRST_PAGE]]
    best = sorted(grades.values(), reverse=True)[:FIRST_PAGE]
    return _dot(gains, discounts) / _dot(best, discounts)


def _dot(some: Sequence[float], others: Sequence[float]) -> float:
    return math.fsum(a * b for a, b in zip(some, others, strict=False))


def _direct_is_right(one: QuestionScore) -> bool:
    want = one.expected
    if want.direct_texts:
        return any(text in one.direct_text for text in want.direct_texts)
    return bool(one.direct) and one.direct == want.direct_document


def score_answers(
    truth: Truth,
    context: AnswerContext,
    reader_of: Callable[[str], Reader],
) -> AnswerScores:
    """Ask each question as its agent, and score the page.

    Raises `IndexUnreachable`.
    """
    scores = AnswerScores()
    for want in (*truth.questions, *truth.near_misses):
        answer = answer_question(
            context, reader_of(want.agent), Query(want.text), candidates=MOST_CARDS
        )
        direct = answer.direct
        scores.add(
            QuestionScore(
                want,
                shown_people(answer, want.agent),
                tuple(one.card.document_id for one in answer.results.results),
                answer.results.answered,
                direct.quotes[0].card.document_id if direct else "",
                " ".join(folded(one.text) for one in direct.quotes) if direct else "",
            )
        )
    build = context.build()
    if not isinstance(build, BuildStatus):
        _score_holders(truth, build, scores)
        _score_isolation(truth, build, scores)
    return scores


def shown_people(answer: QuestionAnswer, asker: str) -> tuple[str, ...]:
    """Return the ids of people with a card, then of people in the services that are named.

    The asker is left out.
    """
    cards = [one.candidate.agent.id for one in answer.people.cards]
    services = [one.id for service in answer.people.matches.services for one in service.people]
    return tuple(id_ for id_ in dict.fromkeys((*cards, *services)) if id_ != asker)


def folded(text: str) -> str:
    """Return the words of a text without case and accents, separated by one space."""
    return " ".join(folded_words(text))


def _score_holders(truth: Truth, build: OpenBuild, scores: AnswerScores) -> None:
    for topic in sorted({topic for topic, _ in truth.holders} & build.topics.keys()):
        view = topic_view(build, topic)
        said = {
            one.agent.id
            for one in (view.holders if view else ())
            if one.basis is not Basis.DECLARED
        }
        for agent in said:
            degree = truth.holders.get((topic, agent), 0)
            if degree is not None:
                scores.shares["holders_precision"].add(degree >= 2)
        for (other, agent), degree in truth.holders.items():
            if other == topic and degree is not None and degree >= 2:
                scores.shares["holders_recall"].add(agent in said)


def _score_isolation(truth: Truth, build: OpenBuild, scores: AnswerScores) -> None:
    judged = {topic for topic, _ in truth.alone}
    if not judged:
        return
    page = build.isolated_holders(IsolationQuery(limit=MOST_CLAIMS))
    claims = {
        (one.topic.id, one.agent.id): _SCOPES[one.scope]
        for one in page.rows
        if one.topic.id in judged
    }
    for pair, scope in claims.items():
        scores.shares["isolation_precision"].add(scope in truth.alone.get(pair, ((), False))[0])
    for pair, (scopes, must) in truth.alone.items():
        if must:
            scores.shares["isolation_recall"].add(claims.get(pair) in scopes)


_LABELS = {
    "first_right": "première carte : une bonne personne",
    "nobody_named": "personne de nommé, alors que quelqu'un sait",
    "wrong_card": "une personne à tort sur une carte",
    "named_though_nobody": "quelqu'un de nommé, alors que personne ne sait",
    "holders_precision": "référents des sujets, précision",
    "holders_recall": "référents des sujets, rappel",
    "isolation_precision": "« seul », précision",
    "isolation_recall": "« seul », rappel",
    "success_1": "documents, le premier",
    "success_3": "documents, l'un des trois premiers",
    "ndcg_10": "documents, nDCG@10",
    "documents_though_none": "documents présentés, alors qu'aucun ne répond",
    "direct_shown": "réponse directe présentée, là où il en faut une",
    "direct_right": "réponse directe juste, là où il en faut une",
    "shown_right": "réponse directe juste, de celles présentées",
    "direct_though_none": "réponse directe, alors qu'aucun document ne répond",
    "near_direct": "question voisine : réponse directe à tort",
    "near_answered": "question voisine : documents présentés à tort",
    "twin_right": "question redressée : réponse directe juste",
    "twin_first": "question redressée : documents, le premier",
    "control_right": "paraphrase : réponse directe juste",
    "control_first": "paraphrase : documents, le premier",
    "control_unanswered": "paraphrase : documents non présentés, à tort",
}


def answers_body(scores: AnswerScores) -> dict[str, dict[str, float]]:
    """Return the figures as JSON values: numbers of cases (`of`) and of hits (`hits`)."""
    return {
        name: {"of": scores.shares[name].of, "hits": round(scores.shares[name].hits, 3)}
        for name in _LABELS
        if name in scores.shares
    }


def answers_text(scores: AnswerScores, *, faults: bool = False) -> str:
    """Return the figures as lines of text; with `faults`, also the questions that went wrong."""
    lines = [
        f"{label:52} {scores.shares[name]}"
        for name, label in _LABELS.items()
        if name in scores.shares
    ]
    if faults:
        lines.append("")
        for one in scores.questions:
            if one.faults:
                want = one.expected
                lines.append(
                    f"{want.id} [{want.kind}] {', '.join(one.faults)} : {want.text[:90]!r}"
                )
                lines.append(
                    f"    {list(one.cards)}, attendus {sorted(want.right)}"
                    f" {sorted(want.acceptable)} ; {list(one.documents[:3])}"
                )
    return "\n".join(lines)
