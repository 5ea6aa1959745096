"""The layouts in which quisait is installed, made of folders, without a container engine.

Settings may only be read; what is written has folders of its own, of the account that runs.
`Layout.run` and `Layout.running` are that account: the layout's own (uid 10001) where an
interpreter can be started as it; else root without any capability, whom modes bind as anybody.
Tests that are not run by root run everything as they are.
"""

import configparser
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import yaml  # type: ignore[import-untyped]

from tests.model_export import prepared_model
from tests.service.place import COMMAND, TIMEOUT_S, make_place
from tests.service.running import START_TIMEOUT_S, wait_until

REPOSITORY = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text("utf-8"))
UID = 10001
TMPFS = "/tmp"  # noqa: S108 - inside of the layout's root
SECRETS = ("database_password", "server__token_key", "metrics__token")


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs: what stands before the command, in its environment, and in `Popen`."""

    uid: int
    command: tuple[str, ...] = tuple(COMMAND)
    environment: Mapping[str, str] = field(default_factory=dict)
    popen: Mapping[str, Any] = field(default_factory=dict)


@cache
def account() -> Account:
    """The account of the layouts, as far as this machine can be it."""
    if os.geteuid():
        return Account(os.geteuid())
    popen = {"user": UID, "group": UID, "extra_groups": []}
    libraries = f"{REPOSITORY}:{sysconfig.get_path('purelib')}"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    # The interpreter of the tests may stand in root's own folder.
    system = shutil.which(version, path="/usr/local/bin:/usr/bin")
    for python, more in ((sys.executable, {}), (system, {"PYTHONPATH": libraries})):
        if python and _starts(python, {**os.environ, **more}, popen):
            return Account(UID, (python, *COMMAND[1:]), more, popen)
    bound = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
    return Account(0, (*bound, *COMMAND))


def _starts(python: str, environment: Mapping[str, str], popen: Mapping[str, Any]) -> bool:
    asked = [python, "-c", "import quisait.cli, psycopg; quisait.cli.load_all()"]
    try:
        done = subprocess.run(
            asked, cwd="/", env=environment, capture_output=True, check=False, **popen
        )
    except OSError:
        return False
    return done.returncode == 0


@dataclass(frozen=True, slots=True)
class Layout:
    """`root` stands for `/`; `environment` has its paths as they are here."""

    root: Path
    environment: Mapping[str, str]

    def path(self, path: str) -> Path:
        """Return the local path for a path of the layout."""
        return self.root / path.lstrip("/")

    @property
    def notes(self) -> Path:
        return self.path("/documents/notes")

    def run(self, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, as the layout's account."""
        done = subprocess.run(
            [*account().command, *arguments],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
            **self._as_account(),
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done

    @contextmanager
    def running(self, *arguments: str, port: int) -> Iterator[str]:
        """A server until the block ends: its address."""
        journal = self.root / "journal"
        with journal.open("wb") as output:
            process = subprocess.Popen(
                [*account().command, *arguments, "--port", str(port)],
                stderr=output,
                **self._as_account(),
            )
        address = f"http://127.0.0.1:{port}"
        try:
            wait_until(lambda: process.poll() is not None or _answers(address), START_TIMEOUT_S)
            assert process.poll() is None, journal.read_text("utf-8")
            yield address
            process.terminate()
            assert process.wait(30) == 0, journal.read_text("utf-8")
            assert "Traceback" not in journal.read_text("utf-8")
        finally:
            process.kill()
            process.wait()

    def _as_account(self) -> dict[str, Any]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        here = {"HOME": str(self.path("/var/lib/quisait")), "TMPDIR": str(self.path(TMPFS))}
        said = {**kept, **here, **account().environment, **self.environment}
        return {"cwd": self.root, "env": said, **account().popen}


@contextmanager
def container_layout(service: str, **instead: str) -> Iterator[Layout]:
    """Yield the layout of docker-compose.yml and the Dockerfile; `instead` replaces the engines."""
    one = COMPOSE["services"][service]
    docker = (REPOSITORY / "Dockerfile").read_text("utf-8")
    assert one["read_only"] is True
    assert one["user"] == f"{UID}:{UID}"
    said = dict(re.findall(r"^(?:ENV|   )\s*(QUISAIT_\w+)=(\S+)", docker, re.MULTILINE))
    mounts = [mount.split(":") for mount in one["volumes"]]
    volumes = [mount[1] for mount in mounts if not mount[0].startswith(".")]
    for volume in volumes:
        assert made_for_its_account(volume, docker), volume
    with _root(volumes) as root:
        environment = _moved({**said, **one["environment"]}, root)
        # The image has the model prepared, and nobody writes there.
        model = Path(environment["QUISAIT_ENCODER__PREPARED"])
        shutil.copytree(prepared_model(), model / prepared_model().name)
        for folder in model.glob("**/"):
            folder.chmod(0o755)
        yield Layout(root, {**environment, **instead})


@contextmanager
def systemd_layout() -> Iterator[Layout]:
    """Yield the layout of deploy/systemd, with the variables and folders of its page.

    The folders that `install.sh` writes into `quisait.toml` are variables here.
    """
    page = (REPOSITORY / "docs" / "administration.md").read_text("utf-8")
    part = page.partition("## Avec systemd")[2].partition("\n## ")[0]
    unit = configparser.ConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(REPOSITORY / "deploy" / "systemd" / "quisait.service", "utf-8")
    service = unit["Service"]
    assert (service["User"], service["ProtectSystem"]) == ("quisait", "strict")
    assert service["EnvironmentFile"] == "/etc/quisait/environment"
    said = dict(
        line.split("=", 1) for line in part.partition("```sh\n")[2].partition("```")[0].splitlines()
    )
    for variable, setting in (
        ("QUISAIT_FOLDER", "folder"),
        ("QUISAIT_PRIVACY__REGISTER_FILE", "register_file"),
    ):
        (said[variable],) = re.findall(rf'{setting} = "([^"]+)"', part)
    folders = [f"/var/lib/{name}" for name in service["StateDirectory"].split()]
    with _root(folders) as root:
        yield Layout(root, _moved(said, root))


def made_for_its_account(volume: str, docker: str) -> bool:
    """Return whether the image makes a volume's folder for the account that writes it."""
    made = re.findall(rf"install -d -m 0700 -o {UID} -g {UID} ([^\\\n]+)", docker)
    return volume in " ".join(made).split()


@contextmanager
def _root(writable: list[str]) -> Iterator[Path]:
    root = Path(tempfile.mkdtemp(prefix="quisait-layout-", dir="/tmp"))
    root.chmod(0o755)
    try:
        _fill(root)
        for name in (*writable, TMPFS):
            folder = root / name.lstrip("/")
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
            os.chown(folder, account().uid, -1)
        yield root
    finally:
        for path in root.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)
        shutil.rmtree(root)


def _fill(root: Path) -> None:
    """Documents, settings and secrets, each to be read by everybody and changed by nobody."""
    place = make_place(root / "documents")
    text = (place.folder / "quisait.toml").read_text("utf-8")
    text = re.sub(r'^(path|agents|groups) = "', rf'\1 = "{place.folder}/', text, flags=re.MULTILINE)
    (place.folder / "quisait.toml").unlink()
    settings = root / "etc" / "quisait"
    for folder in (settings / "secrets", root / "run" / "secrets"):
        folder.mkdir(parents=True)
        for secret in SECRETS:
            (folder / secret).write_text("x" * 40 + "\n")
    (settings / "quisait.toml").write_text(text, "utf-8")
    (root / "var" / "lib").mkdir(parents=True)
    for path in root.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o444)
    for folder in (settings, root / "run" / "secrets"):
        folder.chmod(0o555)


def _moved(environment: Mapping[str, Any], root: Path) -> dict[str, str]:
    """Paths of the layout, as they are here."""
    return {
        name: f"{root}{value}" if str(value).startswith("/") else str(value)
        for name, value in environment.items()
    }


def _answers(address: str) -> bool:
    return bool(httpx.get(f"{address}/health/live", trust_env=False).is_success)
