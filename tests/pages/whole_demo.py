"""The demo, indexed in a folder of a test's own."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
from quisait_demo.stories import tell_stories
from quisait_mail.sending import send_mail

from quisait.application.assembly import Application, open_application
from quisait.settings import load_settings
from quisait.work.crawl import crawl_sources, read_directory
from quisait.work.expected import import_questions
from quisait.work.worker import build_and_publish

DEMO = Path(__file__).resolve().parents[2] / "demo"
VECTORS = DEMO.parent / ".cache" / "demo" / "vectors.sqlite"
"""Encoded once: each vector is kept by its encoder and its text."""


@contextmanager
def indexed_demo(demo: Path, folder: Path, port: int = 0) -> Iterator[Application]:
    """Open the demo of the folder `demo`, with what it writes in `folder`, and tell its stories.

    `port`: where its mails lead.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUISAIT_FILE", str(demo / "quisait.toml"))
        settings = load_settings()
        own = settings.privacy.model_copy(update={"register_file": str(folder / "registre.jsonl")})
        door = settings.door.model_copy(update={"reader_per_minute": 0, "address_per_minute": 0})
        server = settings.server.model_copy(update={"port": port or settings.server.port})
        mine = {"folder": str(folder), "privacy": own, "door": door, "server": server}
        settings = settings.model_copy(update=mine)
        if VECTORS.exists():
            shutil.copy(VECTORS, folder / VECTORS.name)
        with open_application(settings) as opened:
            read_directory(opened)
            crawl_sources(opened, opened.settings.sources, quiet=True)
            build_and_publish(opened)
            import_questions(opened, (DEMO / "questions-attendues.csv").read_text("utf-8"))
            assert tell_stories(opened, DEMO / "questions-posees.toml")
            send_mail(opened, Event())
            yield opened
        VECTORS.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / VECTORS.name, VECTORS)
