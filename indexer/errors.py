"""What may go wrong while documents are kept or asked for.

IndexerError
├── ExtractionFailed     this file has no text to give; `failure` names why, the rest goes on
├── ExtractorUnreachable the extraction service did not answer: try again later
├── IndexUnreachable     the engine did not answer: nothing was acknowledged, try again later
│   └── IndexNotRead     the cursors describe another index: read the sources in full first
├── IndexRefused         the engine or its configuration forbids going on: a person has to act
│   ├── IndexDamaged     a file of the index is damaged: it is to be rebuilt
│   └── IndexOfOtherVersion  another version of quisait wrote it: it is to be made anew
├── LockLost             this run no longer holds its source's lock: stop before writing again
└── DeletionsHeld        too large a share of a source vanished at once: a person has to confirm
"""

from collections.abc import Collection

from indexer.values import Failure


class IndexerError(Exception):
    """The root; its text is a sentence for the administrator."""


class ExtractionFailed(IndexerError):
    """One file gave no text."""

    def __init__(self, failure: Failure, reason: str) -> None:
        super().__init__(reason)
        self.failure = failure


class ExtractorUnreachable(IndexerError):
    """The extraction service did not answer."""


class IndexUnreachable(IndexerError):
    """The engine did not answer."""


class IndexNotRead(IndexUnreachable):
    """The stored cursors describe another index: this one may show what was closed since."""

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


class IndexOfOtherVersion(IndexRefused):
    """Another version of quisait wrote the index, and this one cannot read it."""

    def __init__(self) -> None:
        super().__init__(
            "L'index est d'une autre version que ce programme : s'il est le plus récent des "
            "deux, lancez « quisait reindex » ; sinon redémarrez-le dans l'autre."
        )


class LockLost(IndexerError):
    """A run no longer holds the lock of its source: another may have taken its place."""


class DeletionsHeld(IndexerError):
    """A source's listing lacks more documents than the guard lets go."""

    def __init__(self, source: str, missing: int, kept: int) -> None:
        super().__init__(
            f"{source} : {missing} documents sur {kept} ont disparu d'un coup. Leur suppression "
            "attend votre accord, le reste est à jour. Vérifiez la source ; s'ils ont vraiment "
            "été supprimés, relancez avec --accept-deletions."
        )
        self.source, self.missing, self.kept = source, missing, kept
