"""Result of each file format: `python -m benchmarks.formats [--write]`.

Extracts every file of `$QUISAIT_SHARED/documents` with both extractors and prints a table by
extension; `--write` writes `docs/formats.md`.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path, PurePath

from benchmarks import not_measured
from deploy.kit.engines import TIKA_VERSION
from indexer.values import Failure
from quisait.work.source_status import REMEDIES
from tests.every_file import IN_PROCESS, SERVER, Ending, endings, shared_files

PAGE = Path(__file__).resolve().parents[1] / "docs" / "formats.md"
NAMES = {
    Failure.ENCRYPTED: "chiffré",
    Failure.UNREADABLE: "illisible",
    Failure.EMPTY: "vide",
    Failure.IMAGE_ONLY: "image",
    Failure.NOT_TEXT: "sans texte par nature",
    Failure.TOO_LARGE: "trop gros",
    Failure.TIMED_OUT: "trop long",
    Failure.AWAITS_RECOGNITION: "à reconnaître",
}
MEANINGS = {
    Failure.ENCRYPTED: "Il faut un mot de passe ou une clé pour le lire.",
    Failure.UNREADABLE: "Le fichier est abîmé, ou son format n'est pas connu.",
    Failure.EMPTY: "Le fichier a été lu et ne contient pas de texte.",
    Failure.IMAGE_ONLY: "Numérisation, ou images seules : son texte peut être reconnu (`[scans]`).",
    Failure.NOT_TEXT: "Image, son, vidéo, police, programme : compté, et non en échec. Le "
    "texte d'une image peut être reconnu (`[scans]`).",
    Failure.TOO_LARGE: "Sa taille, son texte, ses pièces ou la mémoire qu'il demande dépassent une "
    "limite de `[extractor]`.",
    Failure.TIMED_OUT: "Sa lecture a dépassé `[extractor] timeout_s`.",
    Failure.AWAITS_RECOGNITION: "Numérisation : son texte est reconnu après la lecture "
    "(`[scans]`).",
}
INTRODUCTION = """\
# Les formats de fichiers

Chaque fichier d'une source finit indexé, ou dans la liste d'échecs que `quisait sources SOURCE`
affiche avec le remède ; aucun ne disparaît. Un fichier en échec n'arrête pas les autres.

Les deux extracteurs ont lu les mêmes {files} fichiers réels, dont certains sont abîmés ou chiffrés
exprès : « intégré » (`[extractor] kind = "in-process"`, iscc-tika {iscc}, sans Java) et
« serveur » (`[extractor] kind = "tika"`, Apache Tika {tika}). Le format se lit d'abord
dans le contenu : l'extension range ce tableau, et n'aide le serveur que dans le doute. Les pièces
jointes et les messages joints d'un courriel, et les fichiers d'une archive, sont lus avec lui,
chacun sous son propre chemin ; ce qui en est chiffré ou illisible a un échec à son nom
(`DOCUMENT ▸ CHEMIN`), à côté du texte lu. Au-delà de `[extractor] max_characters`, `max_parts` ou
`max_depth`, le début est indexé et le document est nommé trop gros. Dans une boîte
`mbox`, l'extracteur intégré lit les messages sans les distinguer.

Cette page est écrite par `python -m benchmarks.formats --write`.
"""


def table(found: Mapping[str, Sequence[Ending]]) -> Iterator[str]:
    """Yield lines of Markdown: one row per extension, most files first, and a row of sums."""
    yield "| format | fichiers | lus, intégré | lus, serveur | échecs, intégré | échecs, serveur |"
    yield "|---|---:|---:|---:|---|---|"
    by_format: dict[str, dict[str, list[Ending]]] = defaultdict(lambda: defaultdict(list))
    for extractor, each in found.items():
        for ending in each:
            by_format[PurePath(ending.file).suffix.lower()][extractor].append(ending)
    for suffix, of in sorted(by_format.items(), key=lambda row: (-len(row[1][SERVER]), row[0])):
        yield _row(suffix, of)
    yield _row("**tous**", found)


def _row(name: str, of: Mapping[str, Sequence[Ending]]) -> str:
    inside, server = of[IN_PROCESS], of[SERVER]
    cells = (name, len(server), _read(inside), _read(server), _failed(inside), _failed(server))
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _read(each: Iterable[Ending]) -> int:
    return sum(ending.failure is None for ending in each)


def _failed(each: Iterable[Ending]) -> str:
    kinds = Counter(ending.failure for ending in each if ending.failure)
    return ", ".join(f"{NAMES[kind]} {kinds[kind]}" for kind in Failure if kinds[kind])


def failures(found: Mapping[str, Sequence[Ending]]) -> Iterator[str]:
    """Yield lines of Markdown: each kind of failure with meaning, remedy and counts."""
    yield "| échec | ce qu'il veut dire | remède | intégré | serveur |"
    yield "|---|---|---|---:|---:|"
    for kind in Failure:
        counts = (
            sum(ending.failure is kind for ending in found[name]) for name in (IN_PROCESS, SERVER)
        )
        cells = (f"{NAMES[kind]} (`{kind}`)", MEANINGS[kind], REMEDIES[kind], *map(str, counts))
        yield f"| {' | '.join(cells)} |"


def differences(found: Mapping[str, Sequence[Ending]]) -> Iterator[str]:
    """Yield lines of Markdown: the files with different results of the two extractors."""
    for inside, server in zip(found[IN_PROCESS], found[SERVER], strict=True):
        if inside.failure is not server.failure:
            name = PurePath(inside.file).name
            yield f"- `{name}` : {_said(inside)} (intégré), {_said(server)} (serveur)"


def _said(ending: Ending) -> str:
    return NAMES[ending.failure] if ending.failure else "lu"


def page(found: Mapping[str, Sequence[Ending]]) -> str:
    """Return the content of `docs/formats.md`."""
    introduction = INTRODUCTION.format(
        files=len(found[SERVER]), iscc=version("iscc-tika"), tika=TIKA_VERSION
    )
    unlike = list(differences(found)) or ["Aucun fichier."]
    return "\n".join(
        [
            introduction,
            "## Par format\n",
            *table(found),
            "\n## Les échecs, et quoi faire\n",
            *failures(found),
            "\n## Où les deux extracteurs diffèrent\n",
            *unlike,
            "",
        ]
    )


def main(arguments: list[str]) -> None:
    """Print the tables; with `--write`, write the page too."""
    if not_measured("formats", "documents"):
        return
    found = endings(shared_files())
    print("\n".join([*table(found), "", *failures(found), "", *differences(found)]), flush=True)
    if "--write" in arguments:
        PAGE.write_text(page(found), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
