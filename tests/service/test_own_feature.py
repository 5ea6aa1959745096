"""The feature of docs/fonctionnalite.md, installed beside quisait from a folder of its own."""

import re
import shutil
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from tests.service.place import Place, make_place
from tests.service.running import running, wait_until

pytestmark = [pytest.mark.pages, pytest.mark.trust]

PAGE = (Path(__file__).parents[2] / "docs/fonctionnalite.md").read_text("utf-8")
TEXT = "La campagne <commence> lundi."


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A site with the page's package, as pip installs it."""
    root = tmp_path_factory.mktemp("own")
    packages = root / "packages"
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    project, feature, routes, template = (
        next(text for kind, text in blocks if kind == "toml" and "entry-points" in text),
        *(text for kind, text in blocks if kind == "python"),
        next(text for kind, text in blocks if kind == "html"),
    )
    code = [line for text in (feature, routes) for line in text.splitlines() if line]
    assert len(code) <= 60
    package = packages / "quisait_annonce"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(feature, "utf-8")
    (package / "page.py").write_text(routes, "utf-8")
    (package / "annonce.html").write_text(template, "utf-8")
    installed = packages / "quisait_annonce-0.1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: quisait-annonce\nVersion: 0.1\n"
    )
    group, entry = re.findall(r'^\[project\.entry-points\."(.+)"\]\n(\w+ = ".+")$', project, re.M)[
        0
    ]
    (installed / "entry_points.txt").write_text(f"[{group}]\n{entry.replace(chr(34), '')}\n")
    own = {"PYTHONPATH": str(packages), "QUISAIT_ANNONCE__TEXT": TEXT}
    # A variable that is not quisait's: commands are processes that import everything anew.
    return make_place(root / "place", **own, IMPORTS="anew")


def test_its_settings_are_described_and_checked(place: Place) -> None:
    assert "\n[annonce]\n" in place.run("init", "--print").stdout
    wrong = place.with_settings(QUISAIT_ANNONCE__TXT="0").run("check", status=2)
    assert "QUISAIT_ANNONCE__TXT" in wrong.stderr


def test_its_page_stores_a_reading_and_its_task_deletes_old_ones(place: Place) -> None:
    """Only an agent reads the page, on which the text is escaped."""
    place.run("crawl")
    database = place.folder / ".quisait/state.sqlite"

    def days() -> list[str]:
        with closing(sqlite3.connect(database)) as opened:
            return [row[0] for row in opened.execute("select day from annonce_readings")]

    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute("insert into annonce_readings values ('a', '2020-01-01')")
    agent = {"Authorization": f"Bearer {place.run('token', 'ag-1').stdout.strip()}"}
    with running(place) as site:
        assert site.get("/annonce", site.pages).status_code == 401
        page = site.get("/annonce", site.pages, **agent).text
        assert "La campagne &lt;commence&gt; lundi." in page
        assert (
            '<a href="/annonce">Annonce</a>' in site.get("/preferences", site.pages, **agent).text
        )
        wait_until(lambda: days() == [date.today().isoformat()])


def test_a_feature_that_fails_to_load_is_named(place: Place) -> None:
    """By every command; nothing runs without it."""
    broken = place.with_settings(PYTHONPATH=f"{place.environment['PYTHONPATH']}-broken")
    shutil.copytree(place.environment["PYTHONPATH"], broken.environment["PYTHONPATH"])
    module = Path(broken.environment["PYTHONPATH"]) / "quisait_annonce/__init__.py"
    module.write_text("import nowhere\n")
    assert "« annonce »" in broken.run("check", status=1).stderr
