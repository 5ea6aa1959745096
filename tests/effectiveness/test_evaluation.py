"""Output of `quisait evaluate` on tiny sets whose figures are computed by hand."""

import json
import math
import subprocess
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from evaluation.corpora import MalformedSet, load_expert_set, load_search_set
from evaluation.measures import figure, values
from evaluation.rankings import SetTopics, assigned_topics, evaluate_experts
from evaluation.scratch import Bench, JudgedSource, open_scratch, rank_by_popularity
from evaluation.voting_models import VotingModel
from expertise.topics import read_topics
from expertise.values import TopicsOf
from quisait.settings import Settings
from tests.evaluation_sets import EXPERTS, SEARCH, write_set
from tests.service.place import Place

pytestmark = pytest.mark.search


def evaluate(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return Place(cwd, {}).ended("evaluate", *arguments)


def evaluated(*arguments: str, cwd: Path) -> dict[str, Any]:
    done = evaluate(*arguments, "--json", cwd=cwd)
    assert done.returncode == 0, done.stderr
    body: dict[str, Any] = json.loads(done.stdout)
    return body


def test_search_figures_are_those_worked_out_by_hand(tmp_path: Path) -> None:
    """One answer first, one second, one never found: RR (1 + 1/2 + 0) / 3, and so on."""
    write_set(tmp_path / "mini", SEARCH)
    body = evaluated("search", "mini", "--retriever", "lexical", cwd=tmp_path)
    figures = body["runs"]["lexical"]
    assert figures["RR"] == pytest.approx((1 + 1 / 2 + 0) / 3)
    assert figures["nDCG@10"] == pytest.approx((1 + 1 / math.log2(3) + 0) / 3)
    assert figures["R@10"] == pytest.approx(2 / 3)
    assert figures["R@100"] == pytest.approx(2 / 3)
    assert (body["documents"], body["queries"], body["groups"]) == (5, 3, 2)


def test_each_retriever_is_measured_and_its_run_written(tmp_path: Path) -> None:
    """`--retriever all` gives three rows, the gains of the fused one, and three TREC files."""
    write_set(tmp_path / "mini", SEARCH)
    body = evaluated("search", "mini", "--run", "out.trec", cwd=tmp_path)
    assert list(body["runs"]) == ["lexical", "vector", "hybrid"]
    assert list(body["differences"]) == ["hybrid - lexical", "hybrid - vector"]
    for retriever in body["runs"]:
        lines = (tmp_path / f"out.{retriever}.trec").read_text().splitlines()
        rows = [line.split(" ") for line in lines]
        assert all(len(row) == 6 and row[1] == "Q0" for row in rows)
        assert {row[5] for row in rows} == {f"quisait-embedded-{retriever}"}
    first = [line.split(" ") for line in (tmp_path / "out.lexical.trec").read_text().splitlines()]
    assert next(row[2] for row in first if row[0] == "q1") == "d1"


def test_expected_questions_have_rows_of_their_own(tmp_path: Path) -> None:
    """The document that no word of q3 names is found by a question that it answers."""
    folder = tmp_path / "mini"
    write_set(folder, SEARCH)
    ((query, document),) = (
        line.split("\t")[:2]
        for line in (folder / "qrels.tsv").read_text("utf-8").splitlines()
        if line.startswith("q3")
    )
    asked = {row["_id"]: row["text"] for row in map(json.loads, (folder / "queries.jsonl").open())}
    row = {"id": document, "questions": [asked[query]]}
    (folder / "expected_questions.jsonl").write_text(json.dumps(row), "utf-8")
    body = evaluated("search", "mini", "--retriever", "lexical", cwd=tmp_path)
    assert list(body["runs"]) == ["lexical", "lexical-expected"]
    alone, expecting = (row["RR"] for row in body["runs"].values())
    assert expecting == pytest.approx(alone + (1 / 2) / 3)  # after d4, which has the word itself


def test_expert_figures_are_those_worked_out_by_hand(tmp_path: Path) -> None:
    """Only labelled candidates are ranked; popularity knows no question."""
    write_set(tmp_path / "mini", EXPERTS)
    body = evaluated("experts", "mini", "--run", "out.trec", cwd=tmp_path)
    assert body["runs"]["experts"]["AP"] == pytest.approx(1.0)
    assert body["runs"]["experts"]["P@10"] == pytest.approx(0.1)
    # By number of documents: bea (2), ali (1), and for q2 without its document the same.
    assert body["runs"]["popularity"]["RR"] == pytest.approx((1 / 2 + 1) / 2)
    names = {
        line.split(" ")[2]
        for line in (tmp_path / "out.experts.trec").read_text().split("\n")
        if line
    }
    assert "noé" not in names


def test_a_list_of_topics_takes_part(tmp_path: Path) -> None:
    """Each document has the topics that it names; without the list, the command says so."""
    write_set(tmp_path / "mini", EXPERTS)
    (tmp_path / "topics.csv").write_text("id,label\ncad,Cadastre\ntf,Taxe foncière\n", "utf-8")
    body = evaluated("experts", "mini", "--topics", "topics.csv", cwd=tmp_path)
    assert body["runs"]["experts"]["AP"] == pytest.approx(1.0)
    missing = evaluate("experts", "mini", "--topics", "sujets.csv", cwd=tmp_path)
    assert missing.returncode == 1
    assert "sujets.csv" in missing.stderr
    settings, judged = Settings(), load_expert_set(tmp_path / "mini")
    bench = Bench(settings.index, settings.encoder, tmp_path / "cache", quiet=True)
    listed = read_topics(tmp_path / "topics.csv").topics
    with open_scratch(bench, judged) as scratch:
        found = assigned_topics(scratch, listed)
    asked: list[set[str]] = []

    def noted(_: SetTopics, document_ids: Collection[str], today: date) -> TopicsOf:
        asked.append(set(document_ids))
        return {}

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(SetTopics, "topics_of", noted)
        evaluate_experts(judged, bench, [VotingModel.SERVED], listed)
    assert len(asked) == len(judged.queries)
    assert "evaluation:d2" in set().union(*asked)
    every = found.topics_of([f"evaluation:d{n}" for n in range(9)], date(2026, 10, 1))
    about = {id_: [topic for topic, _ in some] for id_, some in every.items()}
    assert about == {"evaluation:d1": ["tf"], "evaluation:d2": ["cad"], "evaluation:d3": ["cad"]}


def test_a_question_is_no_evidence_for_itself(tmp_path: Path) -> None:
    """The document that a question was made of supports nobody; for the others it stands."""
    write_set(tmp_path / "mini", EXPERTS)
    evaluated("experts", "mini", "--run", "out.trec", cwd=tmp_path)
    rows = [line.split(" ") for line in (tmp_path / "out.experts.trec").read_text().splitlines()]
    assert "ali" in {row[2] for row in rows if row[0] == "q1"}
    assert "ali" not in {row[2] for row in rows if row[0] == "q2"}, "their only document asks"


def test_questions_of_another_set_are_asked_beside_its_own(tmp_path: Path) -> None:
    """The report has tables for its own questions, the unanswered ones, and those of the other set.

    Nobody is named for «sans jugement». A bar on the nearest document takes the name of «plan
    jugement»; a question keeps its names at every bar if a document has all of its words.
    """
    left = [{"_id": "n1", "text": "sans jugement"}, {"_id": "n2", "text": "plan", "doc": "d2"}]
    write_set(tmp_path / "mini", {**EXPERTS, "nobody.jsonl": left})
    write_set(tmp_path / "other", SEARCH)
    with (tmp_path / "other" / "queries.jsonl").open("a") as queries:
        queries.write(json.dumps({"_id": "q5", "text": "plan jugement"}) + "\n")
    asked = ("nobody", "mini", "--foreign-questions")
    done = evaluate(*asked, "other/queries.jsonl", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    degrees, own, far = done.stdout.split("\n\n")
    assert own.startswith("| mini: confidence |")
    header, _, answered, neighbour, wrote, near = (row.split(" | ") for row in degrees.splitlines())
    assert header[0] == "| mini: at least"
    assert header[4::2] == ["without experts named", "unanswered named", "foreign named"]
    assert (answered[:2], wrote[0]) == (["| answered", "0.00"], "| wrote")
    assert neighbour[0] == "| neighbour"
    assert wrote[1:] == near[1:]
    assert "unanswered named" in own
    assert far.startswith("| mini: nearest |")
    assert far.count("**0.845**") == 1
    assert far.count("out of fold") == own.count("out of fold") == 1
    foreign = {row.split(" | ")[0]: row.split(" | ")[5] for row in far.splitlines()[2:]}
    assert (foreign["| none"], foreign["| 0.900"]) == ("0.80", "0.60")
    missing = evaluate(*asked, "nulle-part.jsonl", cwd=tmp_path)
    assert missing.returncode == 1
    assert "nulle-part.jsonl manque" in missing.stderr


def test_a_limit_spreads_the_questions_and_keeps_the_corpus(tmp_path: Path) -> None:
    """Two of three questions: the first and the second third's; all documents stay."""
    write_set(tmp_path / "mini", SEARCH)
    judged = load_search_set(tmp_path / "mini", limit=2)
    assert [query.id for query in judged.queries] == ["q1", "q2"]
    assert len(judged.documents) == 5


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("qrels.tsv", None, "manque"),
        ("corpus.jsonl", "{\n", "pas du JSON"),
        ("qrels.tsv", "query-id\tcorpus-id\tscore\nq1\tnulle-part\t1\n", "n'existe pas"),
        ("queries.jsonl", '{"_id": "autre", "text": "x"}\n', "aucune question"),
    ],
)
def test_a_malformed_set_is_a_sentence(
    tmp_path: Path, file: str, content: str | None, sentence: str
) -> None:
    """It names the file, says what is wrong, and leaves with a status."""
    write_set(tmp_path / "mini", SEARCH)
    path = tmp_path / "mini" / file
    path.unlink() if content is None else path.write_text(content)
    done = evaluate("search", "mini", cwd=tmp_path)
    assert done.returncode == 1
    assert file in done.stderr
    assert sentence in done.stderr


def test_the_roles_that_a_set_tells_are_kept(tmp_path: Path) -> None:
    """An answer is not a page; without any the authors wrote it; a role that is none is refused."""
    answered: dict[str, Any] = {"account": "ali", "role": "answerer", "thanks": 2, "volume": 40}
    answered["last"] = "2024-01-01"
    asked = {"account": "bea", "role": "asker"}
    first, *others = EXPERTS["documents.jsonl"]
    told = {**EXPERTS, "documents.jsonl": [{**first, "contributions": [answered, asked]}, *others]}
    write_set(tmp_path / "told", told)
    judged = load_expert_set(tmp_path / "told")
    kept = [JudgedSource(judged.documents, ()).document(one) for one in judged.documents]
    assert [
        (row.account, row.role.value, row.thanks, row.volume, row.last)
        for row in kept[0].contributions
    ] == [
        ("evaluation:ali", "answerer", 2, 40, None),
        ("evaluation:bea", "asker", 0, None, None),
    ]
    assert {row.role.value for row in kept[1].contributions} == {"author"}
    answered["role"] = "guru"
    write_set(tmp_path / "wrong", told)
    with pytest.raises(MalformedSet, match="guru"):
        load_expert_set(tmp_path / "wrong")


def test_the_standard_error_goes_by_group(tmp_path: Path) -> None:
    """Two questions of one group are one experiment: the error is that of two, not of three."""
    write_set(tmp_path / "mini", SEARCH)
    queries = load_search_set(tmp_path / "mini").queries
    found = figure({"q1": 1.0, "q2": 1.0, "q3": 0.0}, queries)
    # Residuals by group: (q1, q2) +2/3, (q3) -2/3; sqrt(2/1 * 8/9) / 3.
    assert found.standard_error == pytest.approx(math.sqrt(2 * 8 / 9) / 3)


def test_a_question_without_an_answer_counts_as_nothing() -> None:
    """It stays in the mean."""
    measured = values({"a": ["x"], "b": []}, {"a": {"x": 1}, "b": {"y": 1}}, ["RR"])
    assert measured == {"RR": {"a": 1.0, "b": 0.0}}


def test_popularity_leaves_out_the_questions_document(tmp_path: Path) -> None:
    """Who has only that document comes last."""
    write_set(tmp_path / "mini", EXPERTS)
    judged = load_expert_set(tmp_path / "mini")
    assert rank_by_popularity(judged, judged.queries[1]) == ["bea", "ali"]
