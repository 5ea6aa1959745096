"""Encoders as the settings name them, and as the generations of an index remember them."""

import logging
from collections.abc import Callable

from indexer.errors import IndexRefused, IndexUnreachable
from indexer.generations import EncoderRecord, Generations
from indexer.ports import Encoder
from quisait.settings import EncoderSettings

log = logging.getLogger(__name__)


class OpenedEncoders:
    """Each encoder once; `open_one` raises `ValueError` where a model is missing."""

    def __init__(
        self, settings: EncoderSettings, open_one: Callable[[EncoderSettings], Encoder]
    ) -> None:
        self._settings, self._open = settings, open_one
        self._opened: dict[str, Encoder] = {}

    def of_settings(self) -> EncoderRecord:
        """The encoder of the settings. Raises `ValueError`."""
        if not self._opened:
            encoder = self._open(self._settings)
            self._opened[encoder.name] = encoder
            self._record = EncoderRecord(
                encoder.name, encoder.dimension, self._settings.kind, self._settings.model
            )
        return self._record

    def __call__(self, record: EncoderRecord) -> Encoder:
        """The encoder of that name. Raises `IndexRefused` where it is no longer to be had."""
        self.of_settings()
        if record.name not in self._opened:
            self._opened[record.name] = self._by_record(record)
        return self._opened[record.name]

    def _by_record(self, record: EncoderRecord) -> Encoder:
        gone = (
            f"L'index a une génération faite avec l'encodeur {record.name or 'inconnu'}, qui n'est "
            f"plus là ({record.kind} {record.model}) : remettez-le, ou « quisait reindex --finish »"
            " s'il n'est plus que celui d'avant."
        )
        if not record.kind:
            raise IndexRefused(gone)
        asked = self._settings.model_copy(update={"kind": record.kind, "model": record.model})
        try:
            encoder = self._open(asked)
        except ValueError as missing:
            raise IndexRefused(gone) from missing
        if encoder.name != record.name:
            raise IndexRefused(gone)
        return encoder


def own_encoder(generations: Generations, encoders: OpenedEncoders) -> EncoderRecord:
    """What this program asks and writes with: the live generation's, as far as it is to be had.

    Settings that name another one wait for a reindex; the index answers meanwhile.
    """
    wanted = encoders.of_settings()
    try:
        standing = generations.standing()
    except IndexUnreachable:  # told by whoever asks it
        return wanted
    if standing is None or standing.live.made.encoder.name in ("", wanted.name):
        return wanted
    kept = standing.live.made.encoder
    try:
        encoders(kept)
    except IndexRefused:
        return wanted  # the index will say what to do
    log.warning(
        "the index has not the encoder of the settings: run « quisait reindex »",
        extra={"encoder": kept.name, "wanted": wanted.name},
    )
    return kept
