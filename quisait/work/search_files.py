"""Let administrators edit the glossary and the best bets on their page."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from stat import S_IMODE
from threading import Lock

from quisait.application.engines import search_files
from quisait.settings import SearchSettings, beside_file
from quisait.settings.files import account, write_whole
from quisait.settings.types import reason_of
from quisait.work.administration import FILE_LABELS
from search_api.questions.glossary import LineFault, lines_of, read_glossary
from search_api.ranking.search_configuration import read_best_bets
from search_api.system_status import FileChanged, SearchFile

NAMES = {"glossaire": "glossary", "réponses en tête": "best-bets"}
"""Name of each file in the settings, and its name in addresses."""
MAX_BYTES = 1_000_000
"""Longest text in bytes: lists kept by hand are shorter."""

_WRITING = Lock()


@dataclass(frozen=True, slots=True)
class SettingsSearchFiles:
    """The files that the settings name. A changed file is read again by the next question."""

    settings: SearchSettings

    def names(self) -> Mapping[str, str]:
        """See `SearchFiles`."""
        return {FILE_LABELS[kind]: NAMES[kind] for kind, _ in search_files(self.settings)}

    def read(self, name: str) -> SearchFile:
        """See `SearchFiles`. A missing file is empty: writing creates it."""
        kind, path = self._find(name)
        text = _text_of(path)
        return SearchFile(
            name,
            FILE_LABELS[kind],
            text,
            _version(text),
            tuple(_sentences(_faults(kind, text.splitlines()))),
            "" if os.access(path.parent, os.W_OK) else _locked(path, "lecture seule"),
        )

    def write(self, name: str, text: str, version: str) -> None:
        """See `SearchFiles`."""
        kind, path = self._find(name)
        lines = text.replace("\r\n", "\n").rstrip().splitlines()
        if len(text.encode()) > MAX_BYTES or any("\0" in line for line in lines):
            raise ValueError("Rien n’est enregistré : texte trop long, ou caractère interdit.")
        if faults := _faults(kind, lines):
            told = " ; ".join(_sentences(faults))
            raise ValueError(f"Rien n’est enregistré. À corriger : {told}.")
        written = "".join(f"{line}\n" for line in lines)
        try:
            with _WRITING:
                if _version(_text_of(path)) != version:
                    raise FileChanged(
                        "Rien n’est enregistré : le fichier a changé depuis son ouverture. "
                        "Copiez votre texte, rouvrez la page, et reportez-y vos lignes."
                    )
                mode = S_IMODE(path.stat().st_mode) if path.exists() else 0o640
                write_whole(path, written.encode(), mode)
        except OSError as error:
            raise ValueError(_locked(path, reason_of(error))) from error

    def _find(self, name: str) -> tuple[str, Path]:
        """Return the file's kind and path, links resolved: the link's target is written.

        Raises `KeyError`.
        """
        for kind, path in search_files(self.settings):
            if NAMES[kind] == name:
                return kind, beside_file(path).resolve()
        raise KeyError(name)


def _text_of(path: Path) -> str:
    """Return the file's text, empty if it is missing. Raises `ValueError` with a sentence."""
    try:
        return "".join(f"{line}\n" for line in lines_of(path))
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ValueError(_locked(path, reason_of(error))) from error


def _faults(kind: str, lines: list[str]) -> tuple[LineFault, ...]:
    """Return the faults found by the reader that questions use."""
    read = read_glossary if kind == "glossaire" else read_best_bets
    return read(lines).faults


def _sentences(faults: tuple[LineFault, ...]) -> Iterator[str]:
    return (f"ligne {one.line}, {one.reason}" for one in faults)


def _version(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _locked(path: Path, reason: str) -> str:
    return (
        f"Le fichier {path.name} ne peut pas être écrit par ce service ({reason}). Donnez-en le "
        f"droit, ainsi que sur son dossier, au compte {account()}, ou modifiez-le sur la machine."
    )
