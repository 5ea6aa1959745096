"""Sources that the desk wrote enter a running process."""

from pathlib import Path
from threading import Event

import pytest
from fastapi.testclient import TestClient
from quisait_desk.added_sources import AddedSources
from quisait_desk.sources import DeskSources

from quisait.server.app import app_of
from quisait.work.crawl import read_directory
from quisait.work.worker import Worker
from search_api.query_log.recording import NoQueryLog
from tests.made_site import application_in

pytestmark = [pytest.mark.pages, pytest.mark.trust, pytest.mark.sources]

SETTINGS = """
folder = "etat"
[server]
reader = "demo"
demo_agent = "ag-1"
[directory]
agents = "agents.csv"
[[sources]]
name = "notes"
kind = "folder"
path = "notes"
"""


def test_a_source_of_the_desk_is_read_without_a_restart(tmp_path: Path) -> None:
    """Taken by the running process, read and found; one that was written by hand is not taken."""
    (tmp_path / "quisait.toml").write_text(SETTINGS, "utf-8")
    (tmp_path / "agents.csv").write_text("id,given_name,family_name\nag-1,Jo,Agent\n", "utf-8")
    for name in ("notes", "autre", "main"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "note.md").write_text(f"Le bordereau {name}.", "utf-8")
    with application_in(tmp_path) as application:
        read_directory(application)
        app, local = app_of(application, NoQueryLog()), ("127.0.0.1", 50_000)
        client = TestClient(app, base_url="http://localhost", client=local)
        added = AddedSources(application)
        by_hand = (
            '\n[[sources]]\nname = "main"\nkind = "folder"\npath = "main"\nallowed = ["everyone"]\n'
        )
        (tmp_path / "quisait.toml").write_text(SETTINGS + by_hand, "utf-8")
        assert added.take() == ()
        state = application.state
        desk = DeskSources(
            application.settings, application.book, desk=False, read_soon=state.request_run
        )
        desk.write(
            {
                "kind": "folder",
                "name": "autre",
                "path": str(tmp_path / "autre"),
                "allowed": "everyone",
            }
        )
        assert added.take() == ("autre",)
        assert added.take() == ()
        Worker(application, Event()).round()
        found = client.get("/api/v1/search?q=bordereau").json()["documents"]
        assert [one["id"] for one in found] == ["autre:note.md"]
        assert client.get("/documents/autre:note.md/original").status_code == 200
