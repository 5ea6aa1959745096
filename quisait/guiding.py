"""What the administrator says of questions: the files of `[search]`, and who wrote."""

from collections.abc import Iterator
from pathlib import Path

from quisait.settings import SearchSettings, Settings, beside_file
from quisait.settings.durations import seconds_of
from search_api.questions.best_bets import BestBetsFile, NoBestBets, read_best_bets
from search_api.questions.edited_files import LineFault, lines_of
from search_api.questions.glossary import GlossaryFile, read_glossary
from search_api.questions.guidance import Guidance
from search_api.questions.understanding import Authors, NoGlossary
from search_api.ranking.arranging import Preferences

DAY_S = 86_400
MOST_TOLD = 3
"""So many faults of a file are told one by one."""


def open_guidance(settings: Settings, authors: Authors) -> Guidance:
    """Nothing is read yet: each file is, as it is then, when a question is asked."""
    search = settings.search
    return Guidance(
        authors,
        GlossaryFile(beside_file(search.glossary)) if search.glossary else NoGlossary(),
        BestBetsFile(beside_file(search.best_bets)) if search.best_bets else NoBestBets(),
        Preferences(
            trust={source.name: source.trust for source in settings.sources},
            freshness=search.freshness,
            half_life_days=max(1.0, seconds_of(search.freshness_half_life) / DAY_S),
            past_share=search.past_share,
        ),
    )


def guiding_files(settings: SearchSettings) -> Iterator[tuple[str, str]]:
    """(name, path) of each file that the settings name."""
    yield from (("glossaire", settings.glossary),) if settings.glossary else ()
    yield from (("réponses en tête", settings.best_bets),) if settings.best_bets else ()


def checked(name: str, path: str) -> str:
    """What a file holds. Raises `ValueError` naming its first bad lines, or `OSError`."""
    lines = lines_of(beside_file(path))
    if name == "glossaire":
        glossary = read_glossary(lines)
        held, faults = f"expressions : {len(glossary.content.others)}", glossary.faults
    else:
        bets = read_best_bets(lines)
        held, faults = f"lignes : {len(bets.content)}", bets.faults
    if faults:
        raise ValueError(f"{Path(path).name} : {_told(faults)}")
    return held


def _told(faults: tuple[LineFault, ...]) -> str:
    told = " ; ".join(f"ligne {one.line}, {one.reason}" for one in faults[:MOST_TOLD])
    rest = len(faults) - MOST_TOLD
    return f"{told} ; autres lignes : {rest}" if rest > 0 else told
