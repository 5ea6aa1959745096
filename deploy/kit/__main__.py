"""Write the kit: `python -m deploy.kit [--with-engines] [--python 3.11 …] [--output dist]`."""

import argparse
import hashlib
import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from quisait_models.export_model import prepare_bundled_model

from deploy.kit import engines
from deploy.kit.bill import bill_of_materials
from deploy.kit.wheels import (
    PIP,
    PYTHONS,
    Wheel,
    build,
    build_packages,
    download,
    hashed_requirements,
    pins,
    read_wheel,
)

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = REPOSITORY / ".cache"
SUMS = "SHA256SUMS"

_OWN = Path(__file__).parent
_COPIED = (
    *("deploy/systemd", "deploy/proxy", "deploy/prometheus", "deploy/grafana", "deploy/helm"),
    *("docs", "containers", "Dockerfile", "docker-compose.yml", "LICENSE"),
)


def write_kit(
    output: Path, pythons: Iterable[str] = PYTHONS, *, with_engines: bool = False
) -> Path:
    """Write `quisait-kit-VERSION.tar` into `output`, not compressed: wheels are already.

    Raises `WheelsUnavailable`, `EngineUnavailable`, and what a build of quisait's wheel raises.
    """
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output) as folder:
        kit = Path(folder)
        quisait, wheels = _put_wheels(kit, pythons)
        model = prepare_bundled_model(CACHE / "models")
        shutil.copytree(model, kit / "model" / model.name)
        _put_engines(kit, with_files=with_engines)
        for name in _COPIED:
            _copy(REPOSITORY / name, kit / name)
        for name in ("install.sh", "LISEZMOI.md"):
            _copy(_OWN / name, kit / name)
        bill = bill_of_materials(quisait, wheels, model, engines.ENGINES if with_engines else ())
        (kit / "nomenclature.cdx.json").write_text(bill, "utf-8")
        (kit / SUMS).write_text("".join(_sums(kit)), "utf-8")
        return _archive(kit, output / f"quisait-kit-{quisait.version}.tar")


def _put_wheels(kit: Path, pythons: Iterable[str]) -> tuple[Wheel, list[Wheel]]:
    """(quisait's own, all that are there, each once); and for each Python its two lists.

    The first list installs quisait with the bundled packages, the second the packages of sources.
    """
    wheels, lists, more = kit / "wheels", kit / "requirements", kit / "requirements-sources"
    for folder in (wheels, lists, more):
        folder.mkdir()
    requirements, with_sources = (
        (REPOSITORY / name).read_text("utf-8")
        for name in ("requirements.txt", "requirements-sources.txt")
    )
    quisait = read_wheel(build(REPOSITORY, wheels))
    bundled, sources, others = (
        [read_wheel(path) for path in paths] for paths in build_packages(REPOSITORY, wheels)
    )
    built = (quisait, *bundled, *sources, *others)
    known: dict[str, Wheel] = {wheel.path.name: wheel for wheel in built}
    for python in pythons:
        own = pins(requirements, python)
        besides = [pin for pin in pins(with_sources, python) if pin not in own]
        for pinned, first, folder in (
            ([*own, PIP], [quisait, *bundled], lists),
            (besides, sources, more),
        ):
            paths = download(pinned, python, CACHE / "kit/wheels", wheels)
            for path in paths:
                known.setdefault(path.name, read_wheel(path))
            needed = [*first, *(known[path.name] for path in paths)]
            (folder / f"{python}.txt").write_text(hashed_requirements(needed), "utf-8")
    return quisait, list(known.values())


def _put_engines(kit: Path, *, with_files: bool) -> None:
    folder = kit / "engines"
    folder.mkdir()
    (folder / "MOTEURS.md").write_text(engines.page(), "utf-8")
    for engine in engines.ENGINES if with_files else ():
        found = engines.fetch(engine, CACHE / "kit/engines")
        if engine is engines.TIKA:
            engines.without_rar_reader(found, folder / engine.filename)
        else:
            shutil.copyfile(found, folder / engine.filename)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def _sums(kit: Path) -> Iterable[str]:
    """Lines as `sha256sum` writes them."""
    for path in sorted(path for path in kit.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        yield f"{digest}  {path.relative_to(kit).as_posix()}\n"


def _archive(kit: Path, target: Path) -> Path:
    """In one folder of the archive's name; files of root, that everybody may read."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = "root"
        executable = entry.isdir() or entry.name.endswith(".sh")
        entry.mode = 0o755 if executable else 0o644
        return entry

    partial = target.with_suffix(".partial")
    with tarfile.open(partial, "w") as archive:
        archive.add(kit, target.stem, filter=plain)
    return partial.replace(target)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the kit and print where it is, its size and its hash."""
    parser = argparse.ArgumentParser(prog="make kit", description=__doc__)
    parser.add_argument("--with-engines", action="store_true", help="put OpenSearch and Tika in it")
    parser.add_argument("--python", action="append", choices=PYTHONS, help="for this one alone")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "dist")
    asked = parser.parse_args(arguments)
    archive = write_kit(asked.output, asked.python or PYTHONS, with_engines=asked.with_engines)
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    print(f"{archive} : {archive.stat().st_size / 1e6:.0f} MB, sha256 {digest}")


if __name__ == "__main__":
    main()
