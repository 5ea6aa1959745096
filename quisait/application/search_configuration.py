"""What the administrator configures of questions: the files of `[search]`, and the authors."""

from collections.abc import Iterator
from pathlib import Path

from quisait.settings import SearchSettings, Settings, beside_file
from quisait.settings.types import seconds_of
from search_api.questions.glossary import GlossaryFile, read_glossary
from search_api.questions.query_parser import AuthorDirectory, NoGlossary
from search_api.questions.reloaded_file import LineFault, lines_of
from search_api.ranking.reranking import RankingPreferences
from search_api.ranking.search_configuration import (
    BestBetsFile,
    NoBestBets,
    SearchConfiguration,
    read_best_bets,
)

DAY_S = 86_400
MAX_FAULTS_SHOWN = 3
"""Faults of a file that are listed one by one."""


def open_guidance(settings: Settings, authors: AuthorDirectory) -> SearchConfiguration:
    """The configuration of the settings; its files are read when a question is asked."""
    search = settings.search
    return SearchConfiguration(
        authors,
        GlossaryFile(beside_file(search.glossary)) if search.glossary else NoGlossary(),
        BestBetsFile(beside_file(search.best_bets)) if search.best_bets else NoBestBets(),
        RankingPreferences(
            trust={source.name: source.trust for source in settings.sources},
            freshness=search.freshness,
            half_life_days=max(1.0, seconds_of(search.freshness_half_life) / DAY_S),
            past_share=search.past_share,
        ),
    )


def search_files(settings: SearchSettings) -> Iterator[tuple[str, str]]:
    """(name, path) of each file that the settings name."""
    yield from (("glossaire", settings.glossary),) if settings.glossary else ()
    yield from (("réponses en tête", settings.best_bets),) if settings.best_bets else ()


def check_search_file(name: str, path: str) -> str:
    """What a file contains. Raises `ValueError` naming its first bad lines, or `OSError`."""
    lines = lines_of(beside_file(path))
    if name == "glossaire":
        glossary = read_glossary(lines)
        held, faults = f"expressions : {len(glossary.content.others)}", glossary.faults
    else:
        bets = read_best_bets(lines)
        held, faults = f"lignes : {len(bets.content)}", bets.faults
    if faults:
        raise ValueError(f"{Path(path).name} : {_fault_text(faults)}")
    return held


def _fault_text(faults: tuple[LineFault, ...]) -> str:
    text = " ; ".join(f"ligne {one.line}, {one.reason}" for one in faults[:MAX_FAULTS_SHOWN])
    rest = len(faults) - MAX_FAULTS_SHOWN
    return f"{text} ; autres lignes : {rest}" if rest > 0 else text
