"""Serve the fictional administration from this process, with a browser to look at it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from quisait_demo.intranet import intranet_app
from quisait_demo.stories import tell_stories

from quisait.application.assembly import Application, open_application
from quisait.server.app import app_of
from quisait.settings import Settings, load_settings
from quisait.work.crawl import crawl_sources, read_directory
from quisait.work.worker import build_and_publish
from search_api.query_log.recording import NoQueryLog
from tests.pages.conftest import CHROMIUM_ARGS, served

DEMO = Path("demo")


@dataclass(frozen=True, slots=True)
class ServedDemo:
    """Addresses on loopback, and a browser."""

    quisait: str
    intranet: str
    browser: Browser


@contextmanager
def served_demo() -> Iterator[ServedDemo]:
    """Index what is missing, serve on free ports, and start Chromium."""
    os.environ["QUISAIT_FILE"] = str(DEMO / "quisait.toml")
    with ExitStack() as stack:
        intranet = intranet_app(DEMO / "intranet")
        beside = stack.enter_context(served(intranet))
        application = stack.enter_context(open_application(_letting(load_settings(), beside)))
        _prepare(application)
        address = stack.enter_context(served(app_of(application, NoQueryLog())))
        intranet.state.quisait = address
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=CHROMIUM_ARGS
        )
        stack.callback(browser.close)
        yield ServedDemo(address, beside, browser)


def _letting(settings: Settings, origin: str) -> Settings:
    embed = settings.embed.model_copy(update={"origins": [origin]})
    return settings.model_copy(update={"embed": embed})


def _prepare(application: Application) -> None:
    read_directory(application)
    crawl_sources(application, application.settings.sources, quiet=True)
    build_and_publish(application)
    tell_stories(application, DEMO / "questions-posees.toml")
