"""The wheels of one Python, from the pins of requirements.txt, and what their metadata says."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.metadata import RawMetadata, parse_email
from packaging.requirements import Requirement
from packaging.utils import parse_wheel_filename

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
"""Those for which every pinned dependency has a wheel."""

PIP = "pip==26.3"
"""Installs the kit, from its wheel: a system's Python need not bring one."""

OLDEST_GLIBC = 28
"""2.28: that of RHEL 8 and Debian 10. Some dependencies have no wheel for an older one."""

_PLATFORMS = (
    *(f"manylinux_2_{minor}_x86_64" for minor in range(OLDEST_GLIBC, 4, -1)),
    *("manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64"),
)
_PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
_PACKAGES = ("connectors", "indexer", "expertise", "search_api", "quisait", "demo")


class WheelsUnavailable(RuntimeError):
    """The wheels of a Python cannot be had."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A file, and what it says of itself. `sha256` is in hexadecimal."""

    path: Path
    name: str
    version: str
    sha256: str
    metadata: RawMetadata


def pins(requirements: str, python: str) -> list[str]:
    """`name==version` of each line that is meant for that Python on Linux and x86-64."""
    environment = {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }
    lines = [line for line in requirements.splitlines() if line and line[0] not in "# "]
    meant = (Requirement(line) for line in lines)
    return [
        f"{one.name}{one.specifier}"
        for one in meant
        if one.marker is None or one.marker.evaluate(environment)
    ]


def download(pinned: Sequence[str], python: str, cache: Path, target: Path) -> list[Path]:
    """Put the wheel of each pin into `target`, from `cache` or the package index, and keep it.

    Raises `WheelsUnavailable` where one cannot be had.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target) as folder:
        arguments = [
            *("download", "--quiet", "--no-deps", "--only-binary", ":all:"),
            *("--implementation", "cp", "--python-version", python),
            *(word for name in _PLATFORMS for word in ("--platform", name)),
            *("--dest", folder, "--find-links", str(cache), *pinned),
        ]
        kept = subprocess.run([*_PIP, *arguments, "--no-index"], capture_output=True, check=False)
        if kept.returncode and subprocess.run([*_PIP, *arguments], check=False).returncode:
            raise WheelsUnavailable(f"no wheels for Python {python}: pip says above which")
        found = sorted(Path(folder).glob("*.whl"))
        for path in found:
            shutil.copyfile(path, target / path.name)
            if not (cache / path.name).exists():
                path.rename(cache / path.name)
    return [target / path.name for path in found]


def build(repository: Path, target: Path) -> Path:
    """Build quisait's own wheel into `target`. Raises where pip cannot build it."""
    return _built(repository, (*_PACKAGES, "pyproject.toml", "README.md", "LICENSE"), target)


def build_packages(repository: Path, target: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """Build the wheel of each package: return the bundled ones, those of sources, and the others.

    Raises where pip cannot build one.
    """
    bundled: list[Path] = []
    sources: list[Path] = []
    others: list[Path] = []
    for path in sorted(repository.glob("packages/*/pyproject.toml")):
        name = f"quisait_{path.parent.name.replace('-', '_')}"
        wheel = _built(path.parent, (name, path.name), target)
        group = bundled if is_bundled(path) else sources if is_of_sources(path) else others
        group.append(wheel)
    return bundled, sources, others


def is_bundled(project: Path) -> bool:
    """Return whether a package is installed with quisait, unless somebody leaves it out."""
    stated = tomllib.loads(project.read_text("utf-8"))
    return bool(stated.get("tool", {}).get("quisait", {}).get("bundled"))


def is_of_sources(project: Path) -> bool:
    """Return whether the `pyproject.toml` of a package names kinds of sources."""
    stated = tomllib.loads(project.read_text("utf-8"))["project"]
    return "quisait.connectors" in stated.get("entry-points", {})


def _built(folder: Path, names: Sequence[str], target: Path) -> Path:
    """From a copy: nothing of a former build is in it."""
    with tempfile.TemporaryDirectory() as copied:
        source = Path(copied)
        for name in names:
            if (folder / name).is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(folder / name, source / name, ignore=ignored)
            else:
                shutil.copyfile(folder / name, source / name)
        built = source / "built"
        subprocess.run(
            [*_PIP, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(built), str(source)],
            check=True,
        )
        (wheel,) = built.glob("*.whl")
        return Path(shutil.copyfile(wheel, target / wheel.name))


def read_wheel(path: Path) -> Wheel:
    """What a wheel says of itself, and its hash."""
    name, version, *_ = parse_wheel_filename(path.name)
    with zipfile.ZipFile(path) as wheel:
        inside = next(one for one in wheel.namelist() if one.endswith(".dist-info/METADATA"))
        metadata, _ = parse_email(wheel.read(inside))
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Wheel(path, name, str(version), sha256, metadata)


def hashed_requirements(wheels: Sequence[Wheel]) -> str:
    """Lines for `pip install --require-hashes`: these files and no others."""
    return "".join(
        f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n"
        for wheel in sorted(wheels, key=lambda wheel: wheel.name)
    )
