"""`quisait tune`: what is learned serves where it wins on questions that it had not seen."""

import subprocess
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from quisait_tune.ranker import FEATURES, Forest, read_ranker
from quisait_tune.training import (
    LEAST_GROUPS,
    LEAST_QUESTIONS,
    Example,
    grown,
    load_lightgbm,
    refusal,
    train,
)

from evaluation.corpora import JudgedQuery
from quisait.checks import run_checks
from quisait.settings import Settings
from tests.evaluation_sets import write_set
from tests.service.place import Place

pytestmark = pytest.mark.search

DAY = date(2026, 11, 27)
HITS = 12


def _examples(count: int, *, told: bool) -> list[Example]:
    """One relevant hit each, at a random place; where `told`, its title says the question."""
    drawn = np.random.default_rng(5)
    made = []
    for n in range(count):
        features = drawn.uniform(-0.2, 0.2, size=(HITS, len(FEATURES))).round(3)
        right = int(drawn.integers(HITS))
        if told:
            features[right, FEATURES.index("title_asked")] = 1.0
        grades = np.zeros(HITS)
        grades[right] = 1.0
        ids = tuple(f"d{n}-{place}" for place in range(HITS))
        made.append(Example(JudgedQuery(f"q{n}", "", group=f"g{n % 40}"), ids, features, grades))
    return made


def _judgments(examples: list[Example]) -> dict[str, dict[str, int]]:
    return {one.query.id: {one.ids[int(one.grades.argmax())]: 1} for one in examples}


def test_what_tells_the_right_answer_is_learned() -> None:
    """And the figures of the file are those of questions that each fold had not seen."""
    examples = _examples(LEAST_QUESTIONS, told=True)
    trained = train(examples, _judgments(examples), "fake", DAY)
    assert trained.wins
    assert trained.comparison.after > 0.95 > 0.6 > trained.comparison.before
    ranker = trained.ranker
    assert (ranker.questions, ranker.groups, ranker.encoder) == (LEAST_QUESTIONS, 40, "fake")
    assert ranker.after == pytest.approx(trained.comparison.after, abs=1e-6)
    assert ranker.p_value < 0.05


def test_what_tells_nothing_does_not_win() -> None:
    """Whatever it remembers of the questions that it was made of."""
    examples = _examples(LEAST_QUESTIONS, told=False)
    trained = train(examples, _judgments(examples), "fake", DAY)
    assert not trained.wins
    remembered = Forest.of(trained.ranker.trees)
    best = [
        int(remembered.scores(one.features).argmax()) == one.grades.argmax() for one in examples
    ]
    assert np.mean(best) > 2 / HITS


def test_trees_score_as_the_library_does() -> None:
    """Columns of numbers in place of its own file."""
    examples = _examples(60, told=True)
    lightgbm = load_lightgbm()
    rows = np.concatenate([one.features for one in examples])
    data = lightgbm.Dataset(
        rows, np.concatenate([one.grades for one in examples]), group=[HITS] * len(examples)
    )
    from quisait_tune.training import PARAMETERS, TREES

    expected = lightgbm.train(dict(PARAMETERS), data, TREES).predict(rows)
    assert Forest.of(grown(examples)).scores(rows) == pytest.approx(expected, abs=1e-6)


def test_nothing_relevant_teaches_nothing() -> None:
    """No question found what answers it: the order stays."""
    blind = [
        Example(one.query, one.ids, one.features, np.zeros(HITS))
        for one in _examples(20, told=True)
    ]
    assert Forest.of(grown(blind)).scores(blind[0].features).tolist() == [0.0] * HITS


def test_too_few_questions_are_refused() -> None:
    """Or too few that differ."""
    asked = [JudgedQuery(f"q{n}", "", group=f"g{n}") for n in range(LEAST_QUESTIONS)]
    assert refusal(asked) == ""
    assert str(LEAST_QUESTIONS) in refusal(asked[1:])
    alike = [
        JudgedQuery(one.id, "", group=f"g{n % (LEAST_GROUPS - 1)}") for n, one in enumerate(asked)
    ]
    assert str(LEAST_GROUPS) in refusal(alike)


SUBJECTS = ("congé", "prime", "badge", "cantine", "mutation", "stage", "retraite", "télétravail")
KINDS = ("agents", "stagiaires", "vacataires", "cadres", "saisonniers")


def _made_set(directory: Path, questions: int) -> Path:
    """A page named after subject and readers answers; a letter with all the words does not."""
    pairs = [(subject, kind) for subject in SUBJECTS for kind in KINDS]
    asked = [f"{subject} {kind} dossier complet pièces à joindre" for subject, kind in pairs]
    pages = [
        {"_id": f"page{n}", "title": f"{subject} {kind}", "text": "Voir l'intranet."}
        for n, (subject, kind) in enumerate(pairs)
    ]
    letters = [
        {"_id": f"letter{n}", "title": "Courrier du service", "text": f"{text}."}
        for n, text in enumerate(asked)
    ]
    numbers = [(f"q{n}", n % len(pairs)) for n in range(questions)]
    write_set(
        directory,
        {
            "corpus.jsonl": [*pages, *letters],
            "queries.jsonl": [
                {"_id": name, "text": asked[at], "topic": f"t{at}"} for name, at in numbers
            ],
            "qrels.tsv": [(name, f"page{at}", 1) for name, at in numbers],
        },
    )
    return directory


def _tune(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return Place(cwd, {}).ended("tune", *arguments)


def _said(settings: Settings) -> tuple[bool, str]:
    (found,) = [one for one in run_checks(settings) if one.name == "classement"]
    return found.passed, found.detail


def test_a_site_tunes_checks_and_takes_it_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the command line, as an administrator does."""
    (tmp_path / "quisait.toml").write_text('folder = "kept"\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    few = _tune(str(_made_set(tmp_path / "few", 40)), cwd=tmp_path)
    assert (few.returncode, str(LEAST_QUESTIONS) in few.stderr) == (1, True)
    path = tmp_path / "kept" / "ranker.json"
    assert not path.exists()

    done = _tune(str(_made_set(tmp_path / "many", LEAST_QUESTIONS)), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert path.stat().st_mode & 0o777 == 0o600
    settings = Settings(folder="kept")
    passed, said = _said(settings)
    assert passed
    assert f"{LEAST_QUESTIONS} questions jugées" in said

    path.write_bytes(path.read_bytes()[:-20])
    passed, said = _said(settings)
    assert not passed
    assert "ignoré" in said

    assert "enlevé" in _tune("--off", cwd=tmp_path).stdout
    assert read_ranker(path, "any") is None
