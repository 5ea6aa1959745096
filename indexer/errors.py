"""What may go wrong while documents are kept or asked for.

IndexerError
├── ExtractionFailed     this file has no text to give; `failure` names why, the rest goes on
├── ExtractorUnreachable the extraction service did not answer: try again later
├── IndexUnreachable     the engine did not answer: nothing was acknowledged, try again later
├── IndexRefused         the engine or its configuration forbids going on: a person has to act
├── LockLost             this run no longer holds its source's lock: stop before writing again
└── DeletionsHeld        too large a share of a source vanished at once: a person has to confirm
"""

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


class IndexRefused(IndexerError):
    """The engine or its configuration forbids going on."""


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
