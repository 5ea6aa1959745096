"""An administrator's own model, from its export to the check of a changed model; a second model."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from typer.testing import CliRunner

from indexer.encoding.onnx_encoder import BARS_FILE
from quisait.application.assembly import open_application
from quisait.cli import app
from quisait.server.metrics import registry_of
from quisait.settings import load_settings
from tests.evaluation_sets import SEARCH, write_set
from tests.made_models import cross_encoder, sentence_model, with_graph
from tests.service.place import SETTINGS, make_place

pytestmark = pytest.mark.search

PROMPTS = {"query": "question: ", "document": "texte: "}
MOST_MS = 10_000

Run = Callable[..., str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two encoders and a cross-encoder, as their makers publish them."""
    folder = tmp_path_factory.mktemp("made")
    sentence_model(folder / "modern", "modernbert", "cls", prompts=PROMPTS)
    sentence_model(folder / "bert", "bert", "mean", dense=24)
    with_graph(cross_encoder(folder / "cross"), folder / "second")
    return folder


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command in a small administration, by its exit status."""
    make_place(tmp_path / "place")
    monkeypatch.chdir(tmp_path / "place")
    monkeypatch.setenv("QUISAIT_SERVER__TOKEN_KEY", "k" * 32)

    def run(*arguments: str, status: int | None = 0) -> str:
        done = CliRunner().invoke(app, list(arguments))
        assert status in (None, done.exit_code), (done.output, done.exception)
        return done.output

    return run


def configured(*tables: str) -> None:
    Path("quisait.toml").write_text("\n".join((SETTINGS, *tables)), "utf-8")


def encoder(name: str) -> str:
    return f'[encoder]\nkind = "onnx"\nmodel = "{name}"\n'


def line_of(output: str, name: str) -> str:
    (line,) = [one for one in output.splitlines() if one[6:].startswith(f" {name} :")]
    return line


def test_a_model_of_ones_own_serves_until_another_is_put_in_its_place(made: Path, run: Run) -> None:
    """Exported, crawled with, asked; another one waits for a reindex, and the check says so."""
    said = run("model", "export", "mien", "--from", str(made / "modern"), "--float")
    assert "Devant une question : « question:  » ; devant un passage : « texte:  »." in said
    assert "Cosinus du graphe aux vecteurs de sentence-transformers : 1.0000 au moins" in said
    assert "huit bits" in run("model", "export", "autre", "--from", str(made / "bert"))
    configured(encoder("mien"))
    run("crawl", status=0)
    found = run("search", "bornage contradictoire", "--agent", "ag-1")
    assert "bornage.txt" in found or "Le bornage contradictoire" in found
    assert "Zanzibar" not in run("search", "carrousel Zanzibar", "--agent", "ag-1")
    assert "modern/onnx/" in line_of(run("check", status=None), "encodeur")
    configured(encoder("autre"))
    index = line_of(run("check", status=None), "index")
    assert "l'index est fait avec modern/onnx/" in index
    assert "les réglages disent bert/onnx-int8/" in index
    assert "bornage" in run("search", "bornage contradictoire", "--agent", "ag-1")
    run("reindex")
    assert "les réglages disent" not in run("check", status=None)
    assert "bornage" in run("search", "bornage contradictoire", "--agent", "ag-1")


def test_bars_that_were_measured_are_those_that_serve(made: Path, run: Run) -> None:
    """Kept beside the model; before that, and after another export, nothing is held back."""
    run("model", "export", "mien", "--from", str(made / "bert"))
    configured(encoder("mien"))
    write_set(Path("jeu"), SEARCH)
    assert "seuils non mesurés" in line_of(run("check", status=None), "encodeur")
    with open_application(load_settings()) as application:
        assert application.search._bars.cut is None
    said = run("evaluate", "bars", "jeu", "--cache", "cache", "--model", "mien")
    assert BARS_FILE in said
    assert "seuils mesurés sur jeu (3 questions)" in line_of(run("check", status=None), "encodeur")
    with open_application(load_settings()) as application:
        bars = application.search._bars
        assert bars.cut is not None
        assert -1 < bars.far_cosine <= 1
    run("model", "export", "mien", "--from", str(made / "modern"))
    assert "seuils non mesurés" in line_of(run("check", status=None), "encodeur")


def test_what_cannot_be_exported_is_said(made: Path, run: Run) -> None:
    """And a folder that is no model is not replaced."""
    Path("notes-a-moi").mkdir()
    run("model", "export", "notes-a-moi", "--from", str(made / "bert"), status=1)
    assert "config.json manque" in run("model", "export", "x", "--from", "notes", status=1)
    configured(encoder(str(made / "bert")))
    assert "quisait model export" in line_of(run("check", status=None), "encodeur")


def second_model(folder: Path, **others: object) -> str:
    told = {"model": str(folder), "time_limit_ms": MOST_MS} | others
    return "[reranker]\n" + "".join(
        f"{name} = {value!r}\n".replace("'", '"') for name, value in told.items()
    )


def test_a_second_model_reads_where_the_settings_name_one(made: Path, run: Run) -> None:
    """Tried by the check, counted for a supervisor, used by evaluations; off without it."""
    run("crawl")
    configured(second_model(made / "second", weight=1.0))
    assert "second/model, 20 passages en" in line_of(run("check", status=None), "second modèle")
    with open_application(load_settings()) as application:
        assert application.search.reranker.documents > 0
        registry: CollectorRegistry = registry_of(application)
        told = generate_latest(registry).decode()
        assert 'quisait_reranker_readings_total{outcome="timed_out"} 0.0' in told
    write_set(Path("jeu"), SEARCH)
    asked = ("evaluate", "search", "jeu", "--cache", "cache", "--retriever", "hybrid", "--json")
    assert json.loads(run(*asked))["encoder"].endswith(" + second")
    configured()
    assert " + " not in json.loads(run(*asked))["encoder"]
    with open_application(load_settings()) as application:
        assert application.search.reranker.documents == 0
        assert b"reranker" not in generate_latest(registry_of(application))


def test_a_second_model_that_is_none_is_said(made: Path, run: Run) -> None:
    """By the check and by whatever starts."""
    configured(second_model(made / "nulle-part"))
    assert "n'est pas un dossier" in line_of(run("check", status=None), "second modèle")
    assert "réglez [reranker] model" in run("search", "bornage", "--agent", "ag-1", status=1)
    configured(second_model(made / "second", time_limit_ms=1, documents=200))
    assert "time_limit_ms" in line_of(run("check", status=None), "second modèle")
