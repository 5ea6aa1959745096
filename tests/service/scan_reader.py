"""Crawl, recognise and crawl again in a process that kills itself at a write of the database."""

import os
import signal
from threading import Event

import sqlalchemy as sa

from quisait.application.assembly import open_application
from quisait.settings import load_settings
from quisait.work.crawl import crawl_sources
from quisait.work.scans import read_scans


def main(writes: str) -> None:
    with open_application(load_settings()) as application:
        left = int(writes)

        def count(connection: sa.Connection) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        sa.event.listen(application.database, "commit", count)
        sources = [one for one in application.settings.sources if one.name == "notes"]
        crawl_sources(application, sources, quiet=True)
        read_scans(application, Event(), round_s=None)
        crawl_sources(application, sources, quiet=True)
