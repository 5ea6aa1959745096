"""Only files and folders made by quisait are closed to other accounts of the machine."""

import os
import stat
from pathlib import Path

import pytest

from quisait.settings import load_settings
from quisait.settings.files import close_to_others, exposed_files

pytestmark = [pytest.mark.trust]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a home, entered by everybody, with an index and a state."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "quisait.toml").write_text("", "utf-8")
    folder = tmp_path / "home"
    monkeypatch.setenv("QUISAIT_FILE", str(tmp_path / "etc" / "quisait.toml"))
    monkeypatch.setenv("QUISAIT_FOLDER", str(folder))
    for path in (folder / "index" / "segment", folder / "state.sqlite"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("texte", "utf-8")
        path.chmod(0o644)
    (folder / "index").chmod(0o755)
    folder.chmod(0o755)
    return folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_folder_of_quisait_alone_is_closed(home: Path) -> None:
    """An older installation: the folder, and all that is in it."""
    assert exposed_files(load_settings())
    close_to_others(load_settings())
    assert mode(home) == mode(home / "index") == 0o700
    assert mode(home / "index" / "segment") == mode(home / "state.sqlite") == 0o600
    assert exposed_files(load_settings()) == []


def test_a_folder_that_holds_other_things_stays_open(home: Path) -> None:
    """What others put there is still reached and read by them."""
    page = home / "www" / "page.html"
    page.parent.mkdir()
    page.write_text("une autre équipe", "utf-8")
    page.chmod(0o644)
    page.parent.chmod(0o755)
    close_to_others(load_settings())
    assert (mode(home), mode(page.parent), mode(page)) == (0o755, 0o755, 0o644)
    assert mode(home / "state.sqlite") == 0o600
    assert exposed_files(load_settings()) == [], "what is told is what is ours"


def test_a_folder_called_index_is_ours_only_with_the_embedded_engine(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUISAIT_INDEX__ENGINE", "opensearch")
    close_to_others(load_settings())
    assert mode(home / "index") == 0o755
    assert mode(home / "index" / "segment") == 0o644
    assert mode(home / "state.sqlite") == 0o600


@pytest.mark.parametrize("swapped", ["segment", "."])
def test_a_link_put_in_the_place_of_a_file_is_not_followed(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swapped: str
) -> None:
    """Another account that may write in an open index swaps it between look and change."""
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "segment").write_text("à lire par tous", "utf-8")
    (victim / "segment").chmod(0o644)
    victim.chmod(0o755)
    place = home / "index" if swapped == "." else home / "index" / swapped
    target = victim if swapped == "." else victim / swapped
    looked = os.lstat

    def swap() -> None:
        if not place.is_symlink():
            place.rename(tmp_path / "away")
            place.symlink_to(target)

    def lstat(name: Path | str, *, dir_fd: int | None = None) -> os.stat_result:
        found = looked(name, dir_fd=dir_fd)
        if Path(name).name == place.name:
            swap()
        return found

    monkeypatch.setattr("os.lstat", lstat)
    close_to_others(load_settings())
    assert place.is_symlink(), "it was swapped"
    assert (mode(victim), mode(victim / "segment")) == (0o755, 0o644)


def test_a_pipe_is_neither_waited_for_nor_changed(home: Path) -> None:
    """Nobody writes into it: to open it for reading would wait for ever."""
    os.mkfifo(home / "index" / "pipe", 0o666)
    (home / "index" / "pipe").chmod(0o666)
    close_to_others(load_settings())
    assert mode(home / "index" / "pipe") == 0o666
