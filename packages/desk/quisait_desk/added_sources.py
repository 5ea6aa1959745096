"""Take the sources that the desk adds to the settings' file into a running process.

A source that was written by hand is only read after the next start, because the file may be saved
half-finished.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from pydantic import ValidationError

from quisait.application.assembly import Application
from quisait.settings import load_settings, settings_file
from quisait.settings.sources import SourceSettings

log = logging.getLogger(__name__)

_CLOCKS_DIFFER = timedelta(seconds=5)
"""How much the file system's clock may be ahead of this machine's clock."""


def needs_restart(source: SourceSettings) -> bool:
    """Return whether parts that are opened once, at the start, have to know the source."""
    trusted = source.trust != SourceSettings.model_fields["trust"].default
    return source.kind == "push" or source.reader_groups or trusted


@dataclass(slots=True)
class AddedSources:
    """Watches the settings' file of a process for sources that the desk added."""

    application: Application
    seen: int = 0
    """Modification time of the file when it was last read, in nanoseconds."""

    def take(self) -> tuple[str, ...]:
        """Add the new sources to the running settings, and return their names.

        The worker then reads them, and readers find their documents. A source is only added if its
        reading was requested when the file was written.
        """
        try:
            changed = settings_file().stat().st_mtime_ns
            if changed == self.seen:
                return ()
            self.seen = changed
            named = {one.name for one in self.application.settings.sources}
            found = [one for one in load_settings().sources if one.name not in named]
        except (OSError, ValidationError, ValueError) as error:
            log.warning("settings not read again", extra={"error": type(error).__name__})
            return ()
        written = datetime.fromtimestamp(changed / 1e9, UTC) - _CLOCKS_DIFFER
        try:
            return tuple(one.name for one in found if self._take(one, written))
        except sa.exc.SQLAlchemyError as error:  # the database may be back at the next look
            self.seen = 0
            log.warning("added sources not taken", extra={"error": type(error).__name__})
            return ()

    def _take(self, source: SourceSettings, written: datetime) -> bool:
        asked = self.application.state.run_requested_at(source.name)
        if asked is None or asked < written or needs_restart(source):
            return False
        if self.application.settings.scans.enabled and source.scans:
            self.application.scans.recognise(source.name)
        self.application.settings.sources.append(source)
        log.info("source added", extra={"source": source.name})
        return True
