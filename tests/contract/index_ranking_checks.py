"""Contract of the `Index` port: rankings, windows, totals and facets."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from indexer.ports import Index
from indexer.relevance import ASIDE_WEIGHT
from indexer.values import FACETS, FacetValue, RelevanceCut
from tests.builders import allowed, asking, put, vector_of


def _year(year: int) -> datetime:
    return datetime(year, 6, 15, tzinfo=UTC)


_BOOKS: list[dict[str, Any]] = [
    {"kind": "page", "space": "a", "entity": "x/y", "area": "48", "modified": _year(2021)},
    {"kind": "page", "space": "a", "entity": "x/z", "area": "2A", "created": _year(2021)},
    {"kind": "mail", "space": "b", "area": "48", "created": _year(2019), "modified": _year(2020)},
    {"kind": "mail"},
]


def _library(index: Index) -> None:
    """Four documents about the cadastre, and one about something else."""
    index.write([put(f"s{n % 2}:{n}", "Le cadastre", **book) for n, book in enumerate(_BOOKS)])
    index.write([put("s0:other", "La cantine", kind="menu")])


class RankingChecks:
    """Counts describe the result set, and pages keep one order."""

    def test_facets_count_the_result_set(self, index: Index) -> None:
        """Most frequent first, then by value; a document without a value counts nowhere."""
        _library(index)
        answer = index.search(asking("cadastre"))
        assert answer.total == 4
        assert {name: [(v.value, v.count) for v in answer.facets[name]] for name in FACETS} == {
            "source": [("s0", 2), ("s1", 2)],
            "kind": [("mail", 2), ("page", 2)],
            "space": [("a", 2), ("b", 1)],
            "entity": [("x/y", 1), ("x/z", 1)],
            "area": [("48", 2), ("2A", 1)],
            "year": [("2021", 2), ("2020", 1)],
        }

    def test_filters_narrow_everything(self, index: Index) -> None:
        """Any value of a facet, every facet: in both rankings, the total and the facets."""
        _library(index)
        cases: list[tuple[dict[str, tuple[str, ...]], set[str]]] = [
            ({"kind": ("page",)}, {"s0:0", "s1:1"}),
            ({"kind": ("page", "mail"), "space": ("b",)}, {"s0:2"}),
            ({"year": ("2021",)}, {"s0:0", "s1:1"}),
            ({"source": ("s1",), "area": ("2A",)}, {"s1:1"}),
            ({"entity": ("x/y", "x/z")}, {"s0:0", "s1:1"}),
            ({"space": ("unknown",)}, set()),
        ]
        for filters, found in cases:
            asked = asking("cadastre", vector=vector_of("Le cadastre"), filters=filters)
            answer = index.search(asked)
            assert {hit.document_id for hit in answer.lexical} == found, filters
            assert {hit.document_id for hit in answer.vector} == found, filters
            assert answer.total == len(found), filters
            assert sum(value.count for value in answer.facets["source"]) == len(found), filters

    def test_the_result_set_joins_words_and_vector(self, index: Index) -> None:
        """What both find counts once; what only the vector finds counts too."""
        _library(index)
        answer = index.search(asking("cadastre", vector=vector_of("La cantine"), window=1))
        assert [hit.document_id for hit in answer.vector] == ["s0:other"]
        assert answer.total == 5
        assert FacetValue("menu", 1) in answer.facets["kind"]

    def test_only_the_facets_asked_for_are_counted(self, index: Index) -> None:
        """And no more values than asked for."""
        _library(index)
        answer = index.search(asking("cadastre", facets=("area",), facet_size=1))
        assert dict(answer.facets) == {"area": (FacetValue("48", 2),)}

    def test_totals_do_not_stop_at_the_window(self, index: Index) -> None:
        """A window of W holds W hits; the total counts all that match by words."""
        index.write([put(f"wiki:{n:03}", "Le cadastre") for n in range(30)])
        answer = index.search(asking("cadastre", window=10))
        assert (len(answer.lexical), answer.total) == (10, 30)

    def test_order_holds_from_page_to_page(self, index: Index) -> None:
        """Asked again, or with a larger window, the ranking begins with the same hits."""
        texts = [f"cadastre {'parcelle ' * (n % 7)} {n}" for n in range(60)]
        index.write([put(f"wiki:{n}", text) for n, text in enumerate(texts)])
        vector = vector_of(texts[7])
        large = index.search(asking("cadastre parcelle", vector=vector, window=60))
        small = index.search(asking("cadastre parcelle", vector=vector, window=25))
        assert large == index.search(asking("cadastre parcelle", vector=vector, window=60))
        assert small.lexical == large.lexical[:25]
        assert small.vector == large.vector[:25]
        assert len({hit.document_id for hit in large.lexical}) == len(large.lexical) == 60
        assert len({hit.document_id for hit in large.vector}) == len(large.vector) == 60

    def test_ties_stand_by_id(self, index: Index) -> None:
        """Equal documents come in the order of their ids, in both rankings, at any cut."""
        ids = [f"wiki:{n:02}" for n in range(20)]
        index.write([put(document_id, "Le cadastre") for document_id in reversed(ids[::2])])
        index.write([put(document_id, "Le cadastre") for document_id in reversed(ids[1::2])])
        for window in (20, 7):
            answer = index.search(
                asking("cadastre", vector=vector_of("Le cadastre"), window=window)
            )
            assert [hit.document_id for hit in answer.lexical] == ids[:window]
            assert [hit.document_id for hit in answer.vector] == ids[:window]

    @pytest.mark.parametrize("unreadable", [0, 30])
    def test_rankings_alone_are_those_of_a_counted_search(
        self, index: Index, unreadable: int
    ) -> None:
        """Among ties, and behind a crowd that the reader may not read; nothing is counted."""
        crowd = [
            put(f"wiki:secret{n:02}", "cadastre " * 9, access=allowed("ldap:group:x"))
            for n in range(unreadable)
        ]
        index.write([*crowd, *(put(f"wiki:{n:02}", "cadastre " * (1 + n % 3)) for n in range(30))])
        for window in (1, 2, 5, 16, 40):
            wanted = asking(
                "cadastre", vector=vector_of("cadastre "), window=window, with_attributes=True
            )
            counted, alone = index.search(wanted), index.search(replace(wanted, counted=False))
            assert counted.total == 30, window
            assert alone == replace(counted, total=0, facets={}), window

    @pytest.mark.parametrize("window", [1, 2, 16])
    def test_a_deeper_ranking_leaves_the_counts_of_the_window(
        self, index: Index, window: int
    ) -> None:
        """Deeper rankings begin with the same hits, and have marks; total and facets stay."""
        texts = [f"{'cadastre ' * (n % 3)} note {n}" for n in range(30)]
        index.write([put(f"wiki:{n:02}", text) for n, text in enumerate(texts)])
        wanted = asking("cadastre", vector=vector_of(texts[7]), window=window, with_attributes=True)
        plain, deep = index.search(wanted), index.search(replace(wanted, depth=20))
        large = index.search(replace(wanted, window=20))
        assert (deep.lexical, deep.vector) == (large.lexical, large.vector)
        assert deep.attributes == large.attributes
        assert deep.attributes.keys() == {hit.document_id for hit in (*deep.lexical, *deep.vector)}
        first = replace(
            deep,
            lexical=deep.lexical[:window],
            vector=deep.vector[:window],
            attributes={id_: deep.attributes[id_] for id_ in plain.attributes},
        )
        assert first == plain

    def test_the_best_passage_ranks_its_document_once(self, index: Index) -> None:
        """A document of many passages is one hit, as near as its nearest passage."""
        index.write([put("wiki:1", *"abcdefgh"), put("wiki:2", "z"), put("wiki:3", "y", "g")])
        answer = index.search(asking(vector=vector_of("z")))
        assert answer.vector[0].document_id == "wiki:2"
        assert sorted(hit.document_id for hit in answer.vector) == ["wiki:1", "wiki:2", "wiki:3"]
        scores = [hit.score for hit in answer.vector]
        assert scores == sorted(scores, reverse=True)

    def test_rarer_words_and_more_words_rank_higher(self, index: Index) -> None:
        """Who has both words of the question comes before who has one."""
        index.write([put(f"wiki:{n}", "Le cadastre de la commune") for n in range(9)])
        index.write([put("wiki:best", "Le cadastre napoléonien de la commune")])
        answer = index.search(asking("cadastre napoléonien"))
        assert answer.lexical[0].document_id == "wiki:best"

    def test_newest_first_orders_what_has_most_of_the_words(self, index: Index) -> None:
        """By date, undated last, ties by id; who has a quarter of the words is not there."""
        index.write(
            [
                put("wiki:old", "taxe foncière cadastre parcelle", modified=_year(2001)),
                put("wiki:b", "la taxe foncière au cadastre", created=_year(2020)),
                put("wiki:a", "taxe foncière cadastre", modified=_year(2020)),
                put("wiki:undated", "cadastre foncière taxe parcelle"),
                put("wiki:other", "taxe de séjour", modified=_year(2024)),
            ]
        )
        wanted = asking("taxe foncière cadastre parcelle", newest_first=True)
        answer = index.search(wanted)
        assert [hit.document_id for hit in answer.lexical] == [
            *("wiki:a", "wiki:b", "wiki:old", "wiki:undated")
        ]
        assert answer.total == 4
        assert sum(value.count for value in answer.facets["year"]) == 3
        first = index.search(replace(wanted, window=2))
        assert (first.lexical, first.total) == (answer.lexical[:2], 4)

    def test_an_empty_question_lists_the_newest_first(self, index: Index) -> None:
        """By modification, else creation; ties by id; undated last."""
        index.write(
            [
                put("wiki:e", "a"),
                put("wiki:d", "a", modified=_year(2018), created=_year(1999)),
                put("wiki:c", "a", created=_year(2020)),
                put("wiki:b", "a", created=_year(2020)),
                put("wiki:a", "a", created=_year(1960)),
            ]
        )
        answer = index.search(asking())
        assert [hit.document_id for hit in answer.lexical] == [
            *("wiki:b", "wiki:c", "wiki:d", "wiki:a", "wiki:e")
        ]
        assert answer.total == 5
        narrowed = index.search(asking(filters={"year": ("2020",)}, window=1))
        assert [hit.document_id for hit in narrowed.lexical] == ["wiki:b"]
        assert narrowed.total == 2

    @pytest.mark.parametrize("words_alone", [True, False])
    def test_a_cut_ends_total_facets_and_members_alike(
        self, index: Index, *, words_alone: bool
    ) -> None:
        """A document belongs to the set by its share of what is asked, or by being near."""
        texts = ["La taxe foncière", "La taxe", "La cantine", "Une note", "Une page"]
        index.write([put(f"s{n % 2}:{n}", text) for n, text in enumerate(texts)])
        vector = None if words_alone else vector_of("La cantine")
        request = asking("taxe foncière", vector=vector, cut=RelevanceCut(0.5, 0.99))
        answer = index.search(request)
        wanted = {"s0:0"} if words_alone else {"s0:0", "s0:2"}
        assert set(answer.members or ()) == wanted
        assert answer.total == len(wanted)
        assert answer.facets["source"] == (FacetValue("s0", len(wanted)),)
        # The rankings stay whole, and without a cut all that they hold belongs.
        assert {hit.document_id for hit in answer.lexical} == {"s0:0", "s1:1"}
        assert index.search(replace(request, cut=None)).members is None

    @pytest.mark.parametrize(
        ("phrases", "least", "shares"),
        [
            ((), 0.1, {"s:1": 1.0, "s:2": 0.324}),
            ((), 0.5, {"s:1": 1.0}),
            ((), 0.0, {"s:1": 1.0, "s:2": 0.324}),
            (("mairie",), 0.5, {"s:1": 1.0, "s:2": 1.0}),
        ],
    )
    def test_hits_have_a_share_of_the_question(
        self, index: Index, phrases: tuple[str, ...], least: float, shares: dict[str, float]
    ) -> None:
        """As far as it reaches the cut; a phrase alone is not weighed, and each hit has it all."""
        texts = ("Le cadastre de la mairie", "La taxe de la mairie", "La cantine")
        index.write([put(f"s:{number}", text) for number, text in enumerate(texts, 1)])
        text = "" if phrases else "cadastre mairie"
        answer = index.search(asking(text, phrases=phrases, cut=RelevanceCut(least, 0.99)))
        assert answer.said == pytest.approx(shares, abs=1e-3)
        assert answer.members == shares.keys()

    def test_what_a_question_sets_aside_adds_to_a_share_and_takes_nothing(
        self, index: Index
    ) -> None:
        """Who does not say the place says all of the subject; nobody says more than all."""
        texts = ("Le cadastre de Lozère", "Le cadastre", "La mairie de Lozère", "La cantine")
        index.write([put(f"s:{number}", text) for number, text in enumerate(texts, 1)])
        cut = RelevanceCut(0.1, 0.99)
        answer = index.search(asking("cadastre en Lozère", aside=("en Lozère",), cut=cut))
        shares = {"s:1": 1.0, "s:2": 1.0, "s:3": ASIDE_WEIGHT}
        assert answer.said == pytest.approx(shares, abs=1e-3)
        alone = index.search(asking("en Lozère", aside=("en Lozère",), cut=cut))
        assert alone.said == pytest.approx({"s:1": 1.0, "s:3": 1.0}, abs=1e-3)

    def test_a_cut_weighs_words_by_what_the_reader_may_read(self, index: Index) -> None:
        """However many unreadable documents have a word, it weighs the same."""
        index.write([put("s:1", "La taxe"), put("s:2", "La mairie"), put("s:3", "Une note")])
        request = asking("taxe mairie", cut=RelevanceCut(0.45, 0.99))
        assert set(index.search(request).members or ()) == {"s:1", "s:2"}
        index.write([put(f"h:{n}", "La mairie", access=allowed("agent:b")) for n in range(9)])
        after = index.search(request)
        assert set(after.members or ()) == {"s:1", "s:2"}
        assert after.total == 2

    def test_narrowing_to_a_counted_value_finds_as_many(self, index: Index) -> None:
        """What belongs to the set is the same whatever the page is narrowed to."""
        _library(index)
        index.write([put("s1:near", "Le plan du cadastre", kind="note")])
        request = asking(
            "plan cadastre", vector=vector_of("Le cadastre"), cut=RelevanceCut(0.3, 0.9)
        )
        whole = index.search(request)
        assert whole.total == sum(one.count for one in whole.facets["source"])
        for name in FACETS:
            for one in whole.facets[name]:
                found = index.search(replace(request, filters={name: (one.value,)}))
                assert found.total == one.count == len(found.members or ())
