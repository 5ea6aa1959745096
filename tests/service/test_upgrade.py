"""`quisait upgrade`: a dry run reports data of an earlier version, then they are converted."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from indexer.embedded.storage import POINTER
from quisait.application.database import connect
from tests.service.place import make_place

pytestmark = pytest.mark.trust


def test_a_former_versions_folder_is_upgraded_by_one_command(tmp_path: Path) -> None:
    """An index of a former analysis is made anew; a database of another version is refused."""
    place = make_place(tmp_path / "place")
    place.run("crawl", "--accept-deletions")
    kept = place.folder / ".quisait"
    pointer = kept / "index" / POINTER
    pointers = json.loads(pointer.read_text("utf-8"))
    pointers["live"]["made"]["analysis"] = "former"
    pointer.write_text(json.dumps(pointers), "utf-8")
    before = (kept / "state.sqlite").read_bytes(), pointer.read_bytes()

    place.run("upgrade", "--dry-run")
    assert ((kept / "state.sqlite").read_bytes(), pointer.read_bytes()) == before

    assert "6 documents" in place.run("upgrade").stdout
    assert json.loads(pointer.read_text("utf-8"))["live"]["made"]["analysis"] != "former"
    assert "rien à faire" in place.run("upgrade").stdout
    database = connect(f"sqlite:///{kept / 'state.sqlite'}")
    with database.begin() as connection:
        connection.execute(sa.text("update alembic_version set version_num = '9999'"))
    assert "plus récente" in place.run("upgrade", "--dry-run", status=1).stderr
    database.dispose()
