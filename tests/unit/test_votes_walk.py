"""Documents vote for those who contributed to them; a walk adds what the graph says."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.values import Contribution, ContributorRole, EvidencePolicy
from evaluation.voting_models import VOTING_MODELS, VotingModel
from expertise.scoring import (
    DAMPING,
    WalkGraph,
    graph_of,
    visits_of,
    walk,
)
from expertise.values import RankedDocument, TopicsOf, Window
from expertise.votes import (
    CONTRIBUTORS_ROOT,
    EDITS_EXPONENT,
    HALF_LIFE_DAYS,
    OTHER_PART_WEIGHT,
    ROLE_WEIGHTS,
    SHARPNESS,
    VOLUME_DISCOUNT,
    VOLUME_FLOOR,
    VOTERS,
    Vote,
    cast_votes,
    contribution_weight,
    discounted_sum,
    discounted_votes,
    is_open_question,
    only_asks,
    recency,
    shares_of_text,
    summed_by_kind,
)
from expertise.who_knows import supporting_votes
from tests.windows import TODAY, card, ranked, wrote

pytestmark = pytest.mark.experts

NO_KNOWLEDGE = (
    ContributorRole.ASKER,
    ContributorRole.UPLOADER,
    ContributorRole.FORWARDER,
    ContributorRole.BOT,
)


def owners(*names: str) -> dict[str, str]:
    return {f"wiki:{name}": name for name in names}


def weights(votes: Sequence[Vote]) -> list[float]:
    return [vote.weight for vote in votes]


def test_a_question_is_open_until_somebody_answers() -> None:
    """Told of rows in whatever collection, of which none is kept in memory."""
    asked = Contribution("wiki:ana", ContributorRole.ASKER)
    assert is_open_question([asked])
    assert not is_open_question([asked, replace(asked, role=ContributorRole.ANSWERER)])
    assert not is_open_question([replace(asked, role=ContributorRole.AUTHOR)])


@pytest.mark.parametrize(
    ("roles", "asks"),
    [
        ((ContributorRole.ASKER,), True),
        ((ContributorRole.ASKER, ContributorRole.COMMENTER), True),
        ((ContributorRole.ASKER, ContributorRole.ANSWERER), False),
        ((ContributorRole.ASKER, ContributorRole.AUTHOR), False),
        ((ContributorRole.AUTHOR,), False),
        ((), False),
    ],
)
def test_a_question_only_asks_until_somebody_wrote(
    roles: tuple[ContributorRole, ...], asks: bool
) -> None:
    rows = (wrote(f"wiki:{number}", role) for number, role in enumerate(roles))
    assert only_asks(card("wiki:1", *rows)) is asks


def test_a_vote_that_weighs_nothing_has_no_score() -> None:
    """And a smoothed vote stays as it is."""
    assert Vote("wiki:1", 0.0, share=0.0).score == 0.0
    smoothed = Vote("wiki:1", 0.5, 0.5, near_hits=0.2).smoothed
    assert smoothed == Vote("wiki:1", pytest.approx(0.6), 0.5)  # type: ignore[arg-type]
    assert smoothed.smoothed == smoothed


def test_of_two_roles_that_weigh_the_same_the_later_counts() -> None:
    """An author whose answer was accepted too votes as who answered."""
    rows = (wrote("wiki:ana"), wrote("wiki:ana", ContributorRole.ACCEPTED_ANSWERER))
    for some, answers in ((rows, True), (rows[::-1], False)):
        window = Window((ranked(1.0, card("wiki:1", *some)),))
        (vote,) = cast_votes(window, TODAY, owners("ana"))["ana"]
        assert vote.answers is answers


def test_thanks_raise_an_answer_towards_an_accepted_one() -> None:
    """At most half of the way, a quarter at three; no other role; nothing without thanks."""

    def weight(role: ContributorRole, thanks: int) -> float:
        return contribution_weight(Contribution("wiki:a", role, thanks=thanks), TODAY)

    answer, accepted = (
        ROLE_WEIGHTS[ContributorRole.ANSWERER],
        ROLE_WEIGHTS[ContributorRole.ACCEPTED_ANSWERER],
    )
    assert weight(ContributorRole.ANSWERER, 0) == answer
    most = (answer + accepted) / 2
    assert weight(ContributorRole.ANSWERER, 3) == pytest.approx((answer + most) / 2)
    assert weight(ContributorRole.ANSWERER, 3) < weight(ContributorRole.ANSWERER, 30) < most
    assert weight(ContributorRole.ANSWERER, 10**6) <= most < accepted
    for role in set(ContributorRole) - {ContributorRole.ANSWERER}:
        assert weight(role, 1000) == ROLE_WEIGHTS[role]


def written(name: str, role: ContributorRole, volume: int | None) -> Contribution:
    return Contribution(f"wiki:{name}", role, volume=volume)


@pytest.mark.parametrize("began", ["ana", "ben"])
def test_who_wrote_the_page_stands_above_who_corrected_a_comma(began: str) -> None:
    """226 lines of 228 against 2, whoever of them created the page; on many pages too."""
    pages = []
    for number in range(20):
        rows = [
            written(
                name,
                ContributorRole.AUTHOR if name == began else ContributorRole.EDITOR,
                226 if name == "ana" else 2,
            )
            for name in ("ana", "ben")
        ]
        pages.append(ranked(1.0 - number / 40, card(f"wiki:{number}", *rows)))
    for some in (pages[:1], pages):
        votes = cast_votes(Window(tuple(some)), TODAY, owners("ana", "ben"))
        sums, visits = summed_by_kind(votes), walk(Window(tuple(some)), votes)
        assert sums["ana"] > 3 * sums["ben"] > 0
        assert visits["ana"] > visits["ben"]


def test_what_a_robot_wrote_is_not_its_correctors() -> None:
    """Whoever changed two lines of a page that a robot filled counts by these two."""
    rows = (
        written("ana", ContributorRole.BOT, 226),
        written("ben", ContributorRole.EDITOR, 2),
    )
    votes = cast_votes(Window((ranked(1.0, card("wiki:1", *rows)),)), TODAY, owners("ana", "ben"))
    assert {name: cast[0].share for name, cast in votes.items()} == {"ben": VOLUME_FLOOR}


def test_a_part_of_the_text_by_hand() -> None:
    """Beside whoever wrote most; a floor; unknown volumes and other roles keep their weight."""
    rows = (
        written("ana", ContributorRole.EDITOR, 100),
        written("ben", ContributorRole.AUTHOR, 20),
        written("ben", ContributorRole.EDITOR, 5),
        written("cyd", ContributorRole.AUTHOR, 0),
        written("dan", ContributorRole.EDITOR, None),
        written("eve", ContributorRole.REVIEWER, 1),
    )
    assert shares_of_text([written("ana", ContributorRole.AUTHOR, 0)]) == {}
    shares = shares_of_text(rows)
    least = dict.fromkeys(("wiki:cyd", "wiki:eve"), VOLUME_FLOOR)
    assert shares == {"wiki:ana": 1.0, "wiki:ben": 0.5, **least}
    weighed = [contribution_weight(row, TODAY, shares.get(row.account)) for row in rows]
    assert weighed == [1.0, 0.5, 0.5, VOLUME_FLOOR, 0.6, 0.5]
    (votes,) = (cast_votes(Window((ranked(1.0, card("wiki:1", *rows)),)), TODAY, owners("ben")),)
    assert votes["ben"][0].edited == 0.5


@given(
    st.lists(
        st.builds(
            written,
            st.sampled_from(("ana", "ben", "cyd")),
            st.sampled_from(sorted(ContributorRole)),
            st.none() | st.integers(-5, 10**13),
        ),
        max_size=6,
    ),
    st.integers(1, 1000),
)
def test_volumes_count_beside_each_other_only(rows: list[Contribution], unit: int) -> None:
    """Lines or characters, the votes are the same; without any, what each role weighs."""

    def votes(scale: int | None) -> dict[str, tuple[Vote, ...]]:
        told = [
            replace(row, volume=None if scale is None or row.volume is None else row.volume * scale)
            for row in rows
        ]
        window = Window((ranked(1.0, card("wiki:1", *told)),))
        return cast_votes(window, TODAY, owners("ana", "ben", "cyd"))

    if all(row.volume is None or row.volume < 10**9 for row in rows):
        for name, cast in votes(unit).items():
            assert cast[0].share == pytest.approx(votes(1)[name][0].share)
    for name, cast in votes(1).items():
        assert 0 <= cast[0].share <= 1
        assert 0 <= cast[0].edited <= 1
        best = max(ROLE_WEIGHTS[row.role] for row in rows if row.account == f"wiki:{name}")
        assert votes(None)[name][0].share <= best


def test_votes_by_hand() -> None:
    """Two documents at 1.0 and 0.5, shared by two: scores times shares, summed."""
    window = Window(
        (
            ranked(
                1.0, card("wiki:1", wrote("wiki:ana"), wrote("wiki:ben", ContributorRole.ANSWERER))
            ),
            ranked(
                0.5, card("wiki:2", wrote("wiki:ben"), wrote("wiki:cyd", ContributorRole.REVIEWER))
            ),
        )
    )
    votes = cast_votes(window, TODAY, owners("ana", "ben", "cyd"))
    softened = round(2 ** (1 / CONTRIBUTORS_ROOT), 6)
    half = 1 / softened
    assert votes == {
        "ana": (Vote("wiki:1", half, half, 1),),
        "ben": (
            Vote("wiki:1", 0.7 / softened, 0.7 / softened, 1, answers=True),
            Vote("wiki:2", 0.5 * half, half, 2),
        ),
        "cyd": (Vote("wiki:2", 0.5 * (0.5 / softened), 0.5 / softened, 2),),
    }
    assert discounted_sum(weights(votes["ana"])) == pytest.approx(half)
    assert discounted_sum(weights(votes["ben"])) == pytest.approx(
        (0.7 + VOLUME_DISCOUNT * 0.5) * half
    )
    assert discounted_sum(()) == 0


def test_volume_does_not_make_an_expert() -> None:
    """Any number of documents that hardly answer weighs less than two that do."""
    much = [Vote(f"wiki:{n}", 0.3) for n in range(1000)]
    right = [Vote("wiki:a", 0.9), Vote("wiki:b", 0.8)]
    assert discounted_sum(weights(much)) < discounted_sum(weights(right))


@pytest.mark.parametrize("role", ContributorRole)
def test_every_role_has_a_weight_between_0_and_1(role: ContributorRole) -> None:
    """To ask, upload, forward or be a program weighs nothing; every other role something."""
    assert 0 <= ROLE_WEIGHTS[role] <= 1
    assert (ROLE_WEIGHTS[role] == 0) == (role in NO_KNOWLEDGE)


def test_other_parts_than_the_one_that_answers_count_half() -> None:
    """Not an accepted answer, nor who wrote no part; an agent's accounts are one hand."""
    rows = (
        wrote("wiki:ana"),
        wrote("wiki:ben"),
        wrote("wiki:cyd", ContributorRole.ACCEPTED_ANSWERER),
        wrote("wiki:dan", ContributorRole.EDITOR),
    )
    document = card("wiki:1", *rows)
    names = {**owners("ana", "ben", "cyd", "dan"), "mail:ana": "ana"}
    plain = cast_votes(Window((RankedDocument(document, 1.0),)), TODAY, names)
    for account, owner in (("wiki:ana", "ana"), ("mail:ana", "ana"), ("wiki:ben", "ben")):
        window = Window((RankedDocument(document, 1.0, answered_by=account),))
        told = cast_votes(window, TODAY, names)
        parts = {name: told[name][0].weight / plain[name][0].weight for name in plain}
        others = {"ana", "ben"} - {owner}
        assert parts == {name: OTHER_PART_WEIGHT if name in others else 1.0 for name in plain}
    stranger = Window((RankedDocument(document, 1.0, answered_by="wiki:nobody"),))
    shares = {name: some[0].share for name, some in cast_votes(stranger, TODAY, names).items()}
    assert shares["ana"] == shares["ben"] == plain["ana"][0].share * OTHER_PART_WEIGHT


def test_a_document_votes_once_with_the_best_role() -> None:
    """Who wrote, edited and commented the same document has the author's vote, no more."""
    roles = (ContributorRole.COMMENTER, ContributorRole.EDITOR, ContributorRole.AUTHOR)
    window = Window((ranked(0.8, card("wiki:1", *(wrote("wiki:ana", role) for role in roles))),))
    vote = Vote("wiki:1", 0.8, 1.0, 1, edited=1.0)
    assert cast_votes(window, TODAY, owners("ana")) == {"ana": (vote,)}


def test_two_accounts_of_one_owner_share_a_vote() -> None:
    """An agent who answered under two names in one document is not counted twice."""
    window = Window((ranked(1.0, card("wiki:1", wrote("wiki:ana"), wrote("mail:ana"))),))
    votes = cast_votes(window, TODAY, {"wiki:ana": "ana", "mail:ana": "ana"})
    assert votes == {"ana": (Vote("wiki:1", 1.0),)}


def test_an_account_that_nobody_owns_gets_no_vote() -> None:
    """Without an owner there is nobody to propose."""
    window = Window((ranked(1.0, card("wiki:1", wrote("wiki:ana"))),))
    assert cast_votes(window, TODAY, {}) == {}


def test_a_document_out_of_evidence_votes_for_nobody() -> None:
    """Evidence policy `none`: contributions never count, whatever the role."""
    private = replace(card("wiki:1", wrote("wiki:ana")), evidence=EvidencePolicy.NONE)
    assert cast_votes(Window((ranked(1.0, private),)), TODAY, owners("ana")) == {}


def test_only_the_first_documents_vote() -> None:
    """The voters' share of the window bounds what a long tail may say."""
    window = Window(tuple(ranked(0.5, card(f"wiki:{n}", wrote(f"wiki:{n}"))) for n in range(5)))
    votes = cast_votes(window, TODAY, {f"wiki:{n}": f"{n}" for n in range(5)}, voters=3)
    assert sorted(votes) == ["0", "1", "2"]


def test_recency_halves_after_the_first_year() -> None:
    """Within a year nothing has aged; each half-life then halves; the future is no bonus."""

    def ago(days: int) -> date:
        return date.fromordinal(TODAY.toordinal() - days)

    assert recency(None, TODAY) == 1.0
    assert recency(ago(365), TODAY) == 1.0
    assert recency(ago(-400), TODAY) == 1.0
    assert recency(ago(365 + HALF_LIFE_DAYS), TODAY) == pytest.approx(0.5)
    assert recency(ago(365 + 2 * HALF_LIFE_DAYS), TODAY) == pytest.approx(0.25)
    old = Contribution("wiki:ana", ContributorRole.EDITOR, last=ago(365 + HALF_LIFE_DAYS))
    assert contribution_weight(old, TODAY) == pytest.approx(0.3)


def visits_by_power_iteration(
    window: Window, votes: Mapping[str, tuple[Vote, ...]]
) -> dict[str, float]:
    """The reference: x ← d·P x + (1 − d)·restart on a dense matrix, relative to the best owner."""
    documents = sorted({vote.document_id for cast_ in votes.values() for vote in cast_})
    names = [*documents, *sorted(votes)]
    place = {name: n for n, name in enumerate(names)}
    edges = np.zeros((len(names), len(names)))
    for owner, cast_ in votes.items():
        for vote in cast_:
            edges[place[owner], place[vote.document_id]] = vote.share
            edges[place[vote.document_id], place[owner]] = vote.share
    steps = edges / edges.sum(axis=0)
    restart = np.zeros(len(names))
    for one in window.documents:
        if one.card.document_id in place:
            restart[place[one.card.document_id]] = one.score**SHARPNESS
    restart /= restart.sum()
    share = restart
    for _ in range(500):
        share = DAMPING * steps @ share + (1 - DAMPING) * restart
    most = max(share[place[owner]] for owner in votes)
    return {owner: float(share[place[owner]] / most) for owner in votes}


def test_the_walk_is_a_random_walk_with_restart() -> None:
    """On a graph with a shared document, the same shares as a tiny power iteration."""
    window = Window(
        (
            ranked(
                1.0, card("wiki:1", wrote("wiki:ana"), wrote("wiki:ben", ContributorRole.EDITOR))
            ),
            ranked(
                0.7, card("wiki:2", wrote("wiki:ben"), wrote("wiki:cyd", ContributorRole.ANSWERER))
            ),
            ranked(0.2, card("wiki:3", wrote("wiki:cyd"))),
        )
    )
    votes = cast_votes(window, TODAY, owners("ana", "ben", "cyd"))
    expected = visits_by_power_iteration(window, votes)
    assert walk(window, votes) == pytest.approx(expected, abs=1e-4)
    assert max(expected.values()) == 1.0


def test_a_walk_needs_somewhere_to_start() -> None:
    """No documents, no votes or no scores: no visits, and no error."""
    lone = RankedDocument(card("wiki:1", wrote("wiki:ana")), 0.0)
    assert walk(Window(()), {}) == {}
    assert walk(Window((lone,)), cast_votes(Window((lone,)), TODAY, owners("ana"))) == {}
    assert walk(Window((lone._replace(score=1.0),)), {}) == {}


@st.composite
def windows(draw: st.DrawFn) -> Window:
    accounts = [f"wiki:{name}" for name in NAMES]
    documents = []
    for number in range(draw(st.integers(1, 12))):
        rows = draw(st.lists(st.sampled_from(accounts), min_size=1, max_size=4, unique=True))
        space = draw(st.sampled_from(["", "fiscalite", "domaine"]))
        one = replace(card(f"wiki:{number}", *map(wrote, rows)), space=space)
        documents.append(ranked(draw(st.floats(0.05, 1)), one))
    return Window(tuple(documents))


NAMES = ("ana", "ben", "cyd", "dan", "eve")


ABOUT = st.dictionaries(
    st.integers(1, 11).map("wiki:{}".format),
    st.dictionaries(st.sampled_from(["pci", "cfe"]), st.floats(0.35, 1)).map(
        lambda found: list(found.items())
    ),
)


@settings(deadline=None)
@given(windows(), ABOUT)
def test_the_walk_is_pagerank_with_restart(window: Window, topics: TopicsOf) -> None:
    """The same visits to every document, owner, space and topic, as NetworkX computes them."""
    graph = graph_of(window, cast_votes(window, TODAY, owners(*NAMES)), topics)
    named = {topic for one in graph.documents for topic, _ in topics.get(one, ())}
    assert {name for kind, name in graph.others if kind == "topic"} == named
    assert visits_of(graph) == pytest.approx(_by_networkx(graph), abs=1e-7)


def _by_networkx(graph: WalkGraph) -> dict[tuple[str, str], float]:
    nodes = [("document", name) for name in graph.documents]
    drawn = nx.Graph()
    drawn.add_weighted_edges_from((nodes[a], graph.others[b], w) for a, b, w in graph.edges)
    restart = dict(zip(nodes, graph.restart, strict=True))
    found: dict[tuple[str, str], float] = nx.pagerank(
        drawn, alpha=DAMPING, personalization=restart, tol=1e-10, max_iter=200
    )
    return found


def test_who_shares_a_space_is_nearer_than_who_does_not() -> None:
    """A community brings a colleague closer, less than a shared document would."""
    here = replace(card("wiki:1", wrote("wiki:ana")), space="domaine")
    beside = replace(card("wiki:2", wrote("wiki:ben")), space="domaine")
    apart = replace(card("wiki:3", wrote("wiki:cyd")), space="fiscalite")
    window = Window((ranked(1.0, here), ranked(0.1, beside), ranked(0.1, apart)))
    visits = walk(window, cast_votes(window, TODAY, owners("ana", "ben", "cyd")))
    assert visits["cyd"] < visits["ben"] < visits["ana"]


def test_who_writes_on_the_same_topic_is_nearer_and_more_so_where_it_is_surer() -> None:
    """A topic that documents share brings their authors closer, as far as it is sure."""
    window = Window(
        tuple(
            ranked(score, card(f"wiki:{number}", wrote(f"wiki:{name}")))
            for number, (name, score) in enumerate(
                [("ana", 1.0), ("ben", 0.1), ("cyd", 0.1), ("dan", 0.1)]
            )
        )
    )
    topics = {"wiki:0": [("pci", 1.0)], "wiki:1": [("pci", 0.9)], "wiki:2": [("pci", 0.4)]}
    apart = {"wiki:3": [("cfe", 1.0)]}
    votes = cast_votes(window, TODAY, owners("ana", "ben", "cyd", "dan"))
    visits = walk(window, votes, topics | apart)
    assert visits["dan"] < visits["cyd"] < visits["ben"] < visits["ana"]
    assert walk(window, votes, apart)["ben"] == pytest.approx(walk(window, votes)["ben"])


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (VotingModel.DISCOUNTED, 0.64 + VOLUME_DISCOUNT * 0.5 * 0.16),
        (VotingModel.COMB_SUM, 1.0),
        (VotingModel.COMB_MNZ, 2.0),
        (VotingModel.COMB_MAX, 0.8),
        (VotingModel.EXP_COMB_SUM, math.exp(0.8) + 0.5 * math.exp(0.4)),
        (VotingModel.EXP_COMB_MNZ, 2 * (math.exp(0.8) + 0.5 * math.exp(0.4))),
        (VotingModel.RECIPROCAL_RANK, 1 + 0.5 / 4),
        (VotingModel.BORDA_FUSE, VOTERS + 0.5 * (VOTERS - 3)),
    ],
)
def test_each_model_by_hand(model: VotingModel, expected: float) -> None:
    """A document at rank 1 in full, and one at rank 4 of which half is theirs."""
    votes = (Vote("wiki:1", 0.8, 1.0, 1), Vote("wiki:2", 0.2, 0.5, 4))
    assert VOTING_MODELS[model](votes) == pytest.approx(expected)


def test_every_model_says_nothing_of_no_votes() -> None:
    """Nobody's sum is 0 in all of them, and each name but the served one's has its model."""
    others = [model for model in VotingModel if model is not VotingModel.SERVED]
    assert [VOTING_MODELS[model](()) for model in others] == [0] * len(others)


def test_answers_add_up_and_pages_do_not() -> None:
    """Many fair answers outweigh a better one; as many fair pages do not outweigh a better page."""

    def first(answers: bool) -> str:
        many = [Vote(f"wiki:{n}", 0.3, rank=n, answers=answers) for n in range(2, 30)]
        sums = summed_by_kind({"ana": many, "ben": [Vote("wiki:1", 0.9, answers=answers)]})
        return max(sums, key=lambda name: sums[name])

    assert (first(answers=True), first(answers=False)) == ("ana", "ben")


def test_the_best_answers_are_worth_what_pages_like_them_are() -> None:
    """An author of pages stands beside them as before."""
    pages = [Vote("wiki:1", 0.9), Vote("wiki:2", 0.5)]
    answers = [Vote("wiki:3", 0.9, answers=True), Vote("wiki:4", 0.5, answers=True)]
    sums = summed_by_kind({"ana": pages, "ben": answers, "cyd": answers[1:], "dan": []})
    assert sums["ana"] == discounted_votes(pages) == pytest.approx(sums["ben"])
    assert sums["cyd"] == pytest.approx(sums["ben"] * 0.5 / 1.4)
    assert sums["dan"] == 0


@pytest.mark.parametrize("role", [ContributorRole.AUTHOR, ContributorRole.ANSWERER])
def test_documents_near_it_place_a_vote(role: ContributorRole) -> None:
    """They order candidates, in votes and walk; evidence stays the document's own."""
    rows = [card("wiki:1", wrote("wiki:ana", role)), card("wiki:2", wrote("wiki:ben", role))]
    window = Window(tuple(RankedDocument(one, 0.5) for one in rows))
    first, second = window.documents
    gained = (first._replace(near_hits=-0.1), second._replace(near_hits=0.1))
    placed = replace(window, documents=gained)
    before, after = (cast_votes(one, TODAY, owners("ana", "ben")) for one in (window, placed))
    sums, visits = summed_by_kind(after), walk(placed, after)
    assert summed_by_kind(before)["ana"] == pytest.approx(summed_by_kind(before)["ben"])
    power = 1 if role is ContributorRole.ANSWERER else SHARPNESS
    assert sums["ana"] / sums["ben"] == pytest.approx((0.4 / 0.6) ** power)
    assert visits["ana"] / visits["ben"] == pytest.approx((0.4 / 0.6) ** SHARPNESS)
    for name in ("ana", "ben"):
        assert [v.weight for v in supporting_votes(after[name])] == [v.weight for v in before[name]]


def test_who_changes_every_page_counts_less() -> None:
    """Of two with the same pages, the one who changed nothing else; authors are never divided."""
    wrote_them = [Vote(f"wiki:{n}", 0.8) for n in range(5)]
    changed_them = [vote._replace(edited=1.0) for vote in wrote_them]
    sums = summed_by_kind({"ana": wrote_them, "ben": changed_them, "cyd": changed_them[:1]})
    assert sums["ana"] == discounted_votes(wrote_them)
    assert sums["ben"] == pytest.approx(sums["ana"] / 6**EDITS_EXPONENT)
    assert sums["cyd"] == pytest.approx(0.64 / 2**EDITS_EXPONENT)


def test_a_vote_says_what_it_is_for() -> None:
    """Asking beside it, or an edit of one's own page, changes neither."""
    rows = (
        Contribution("wiki:ana", ContributorRole.ACCEPTED_ANSWERER),
        Contribution("wiki:ana", ContributorRole.ASKER),
        Contribution("wiki:ben", ContributorRole.AUTHOR),
        Contribution("wiki:ben", ContributorRole.EDITOR),
        Contribution("wiki:cyd", ContributorRole.COMMENTER),
    )
    window = Window((ranked(1.0, card("wiki:1", *rows)),))
    cast = cast_votes(window, TODAY, owners("ana", "ben", "cyd"))
    told = {name: (votes[0].answers, votes[0].edited) for name, votes in cast.items()}
    assert told == {"ana": (True, 0.0), "ben": (False, 1.0), "cyd": (False, 0.0)}
