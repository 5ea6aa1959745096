"""Errors of indexing and searching.

IndexerError ├── ExtractionFailed     this file gives no text; `failure` says why, other files go on
├── ExtractorUnreachable the extraction service did not answer: try again later ├── IndexUnreachable
the engine did not answer: nothing was acknowledged, try again later │   └── IndexNotRead     the
cursors describe another index: read the sources in full first ├── IndexRefused         the engine
or its configuration forbids going on: a person has to act │   ├── IndexDamaged     a file of the
index is damaged: rebuild the index │   │   └── IndexFileMissing     its file is missing or empty │
└── IndexOfOtherVersion  another version of quisait wrote the index: rebuild it ├── LockLost
this run no longer holds its source's lock: stop before writing again └── DeletionsHeld        too
large a share of a source vanished at once: a person has to confirm
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indexer.values import Failure


class IndexerError(Exception):
    """Base class of these errors; its text is a sentence for the administrator."""


class ExtractionFailed(IndexerError):
    """No text could be extracted from one file."""

    def __init__(self, failure: "Failure", reason: str) -> None:
        super().__init__(reason)
        self.failure = failure


class ExtractorUnreachable(IndexerError):
    """The extraction service did not answer."""


class IndexUnreachable(IndexerError):
    """The engine did not answer."""


class IndexNotRead(IndexUnreachable):
    """The stored cursors describe another index.

    This index may show documents closed since then.
    """

    def __init__(self, sources: Collection[str]) -> None:
        super().__init__(
            "Cet index n'est pas celui que décrit la base d'état (moteur, dossier ou alias changé, "
            "ou index remplacé) : personne n'y cherche avant que ces sources aient été lues en "
            f"entier : {', '.join(sorted(sources))}. Lancez « quisait crawl », ou remplissez-le "
            "par « quisait reindex --from MOTEUR »."
        )
        self.sources = frozenset(sources)


class IndexRefused(IndexerError):
    """The engine or its configuration forbids going on."""


class IndexDamaged(IndexRefused):
    """A file of the index is damaged."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"Un fichier de l'index est abîmé ({what}). Lancez « quisait reindex --rebuild » : il "
            "est refait des documents et des vecteurs qui se lisent encore."
        )


class IndexFileMissing(IndexDamaged):
    """The file of the live index is missing."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.args = (
            f"{path}, le fichier de l'index, manque ou est vide (volume non monté, fichier "
            "effacé). Remettez-le s'il est ailleurs ; sinon arrêtez quisait, lancez « quisait "
            "reindex --rebuild », puis « quisait crawl », qui relit les sources.",
        )


class IndexOfOtherVersion(IndexRefused):
    """Another version of quisait wrote the index, and this one cannot read it."""

    def __init__(self) -> None:
        super().__init__(
            "L'index est d'une autre version que ce programme : s'il est le plus récent des "
            "deux, lancez « quisait reindex » ; sinon redémarrez-le dans l'autre."
        )


class LockLost(IndexerError):
    """A run no longer holds the lock of its source: another run may have taken over."""


class DeletionsHeld(IndexerError):
    """More documents vanished from a source's listing than may be deleted without confirmation."""

    def __init__(self, source: str, missing: int, indexed: int) -> None:
        super().__init__(
            f"{source} : {missing} documents sur {indexed} ont disparu d'un coup. Leur suppression "
            "attend votre accord, le reste est à jour. Vérifiez la source ; s'ils ont vraiment "
            "été supprimés, relancez avec --accept-deletions."
        )
        self.source, self.missing, self.indexed = source, missing, indexed
