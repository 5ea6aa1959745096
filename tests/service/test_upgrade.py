"""`quisait upgrade`: what an earlier version left, told by a dry run, then brought to this one."""

import json
from pathlib import Path

import pytest

from indexer.embedded.storage import POINTER
from quisait.application.database import HEAD, connect
from tests.service.place import make_place
from tests.unit.test_database import as_before_alembic, differences, revision

pytestmark = pytest.mark.trust


def test_a_former_versions_folder_is_upgraded_by_one_command(tmp_path: Path) -> None:
    """Its database and an index of a former analysis; the dry run changes neither."""
    place = make_place(tmp_path / "place")
    place.run("crawl", "--accept-deletions")
    kept = place.folder / ".quisait"
    (kept / "state.sqlite").unlink()
    former = connect(f"sqlite:///{kept / 'state.sqlite'}")
    as_before_alembic(former)
    pointer = kept / "index" / POINTER
    pointers = json.loads(pointer.read_text("utf-8"))
    pointers["live"]["made"]["analysis"] = "former"
    pointer.write_text(json.dumps(pointers), "utf-8")
    before = (kept / "state.sqlite").read_bytes(), pointer.read_bytes()

    told = place.run("upgrade", "--dry-run").stdout
    assert f"de la version 0001 du schéma à {HEAD}" in told
    assert "l'analyse du français ou les champs ont changé" in told
    assert ((kept / "state.sqlite").read_bytes(), pointer.read_bytes()) == before

    assert "Le nouvel index répond : 6 documents" in place.run("upgrade").stdout
    assert (revision(former), differences(former)) == (HEAD, [])
    assert json.loads(pointer.read_text("utf-8"))["live"]["made"]["analysis"] != "former"
    assert "rien à faire" in place.run("upgrade").stdout
    with former.begin() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '9999'")
    assert "plus récente" in place.run("upgrade", "--dry-run", status=1).stderr
    former.dispose()
