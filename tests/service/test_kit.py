"""The kit, installed where there is no network, and the units' own commands started from it.

In a network namespace with nothing but loopback, and mounts of its own over /etc, /opt and
/var/lib, so that paths are those of the units. Who is not root installs as they are; root installs
as an account that is nobody, then with `--systemd`, and starts the units as the account made.
"""

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from deploy.kit.__main__ import SUMS, write_kit
from deploy.kit.engines import ENGINES
from deploy.kit.wheels import PYTHONS, pins
from tests.service.place import make_place
from tests.service.running import wait_until

pytestmark = pytest.mark.sources

REPOSITORY = Path(__file__).resolve().parents[2]
UID = 10002
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
PREFIX, SETTINGS, STATE = Path("/opt/quisait"), Path("/etc/quisait"), Path("/var/lib/quisait")
_INTERPRETER = Path("/mnt/bin") / f"python{PYTHON}"
_IS_ROOT = os.geteuid() == 0
_INTERFACES = "import socket; print([name for _, name in socket.if_nameindex()])"
_ASK = """
import sys, urllib.request
request = urllib.request.Request(sys.argv[1], headers={"Authorization": "Bearer " + sys.argv[2]})
try:
    print(urllib.request.urlopen(request, timeout=60).read().decode())
except OSError:
    print("{}")  # it does not answer yet
"""
_MOUNTS = """
set -e
ip link set lo up
mount --bind "$1" /mnt
for name in etc opt var/lib; do mount --bind "$2/$name" "/$name"; done
echo ready
exec sleep infinity
"""
_CLOSED = """
for place in / /etc /opt /mnt; do mount -o remount,bind,ro $place; done
mount -t tmpfs tmpfs /root
mount -t tmpfs tmpfs /tmp
exec setpriv "$@"
"""
"""As ProtectSystem=strict, ProtectHome and PrivateTmp close a machine."""


@dataclass(frozen=True, slots=True)
class Offline:
    """A machine without a network; `root` is seen from outside, everything else from inside."""

    root: Path
    enter: tuple[str, ...]

    def run(
        self,
        *command: str,
        status: int = 0,
        environment: Mapping[str, str] | None = None,
        account: str = f"{UID}:{UID}",
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end, as an ordinary account."""
        return self._run([*self.enter, *_as_account(account), *command], status, environment)

    def run_as_root(self, *command: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        return self._run([*self.enter, *command], status, None)

    def account(self, name: str) -> str:
        """`UID:GID` of an account."""
        return ":".join(self.run_as_root("id", kind, name).stdout.strip() for kind in ("-u", "-g"))

    def service(self, unit: "Unit") -> list[str]:
        """The command of a unit, under its account, with what it closes closed."""
        _, *bound = _as_account(self.account(unit.account))
        closed = ("unshare", "--mount", "sh", "-ec", _CLOSED, "sh")
        return [*self.enter, *closed, *bound, *unit.start]

    def path(self, path: Path | str) -> Path:
        """Return the outside path of a path of the machine."""
        return self.root / str(path).lstrip("/")

    def _run(
        self, command: list[str], status: int, environment: Mapping[str, str] | None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            cwd="/",
            env=self.environment(environment or {}),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """Nothing of the tests' own but where programs are."""
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        # An interpreter that was built with a shared library is not where it was built for.
        return {
            "PATH": path,
            "LANG": "C.UTF-8",
            "HOME": "/opt/home",
            "LD_LIBRARY_PATH": "/mnt/lib",
            "OMP_NUM_THREADS": "1",
            **more,
        }


def _as_account(account: str) -> list[str]:
    """Return the command prefix to run as an account that cannot gain further rights."""
    bound = ["setpriv", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]
    if not _IS_ROOT:
        return bound[:2]
    uid, _, gid = account.partition(":")
    return [*bound, f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit's account, start command and variables' file, as systemd would read them."""

    account: str
    start: list[str]
    variables: Path
    folders: list[str]

    @classmethod
    def read(cls, path: Path) -> "Unit":
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read_string(path.read_text("utf-8"))
        service = parser["Service"]
        start = service["ExecStart"].replace("%%", "%").replace("$$", "$")
        return cls(
            service["User"],
            shlex.split(start),
            Path(service["EnvironmentFile"]),
            service["StateDirectory"].split(),
        )


@pytest.fixture(scope="module")
def offline() -> Iterator[Offline]:
    root = Path(tempfile.mkdtemp(prefix="quisait-offline-", dir="/tmp"))
    root.chmod(0o755)
    for name in ("opt/home", "var/lib"):
        (root / name).mkdir(parents=True)
    if _IS_ROOT:
        subprocess.run(["cp", "-a", "/etc", str(root)], check=True)
        for name in ("opt", "opt/home"):
            os.chown(root / name, UID, UID)
    else:
        (root / "etc").mkdir()
    user = [] if _IS_ROOT else ["--user", "--map-current-user", "--keep-caps"]
    holder = subprocess.Popen(
        ["unshare", *user, "--net", "--mount", "sh", "-c", _MOUNTS, "sh", sys.base_prefix, root],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        enter = ("nsenter", f"--target={holder.pid}", "--net", "--mount")
        yield Offline(root, enter if _IS_ROOT else (*enter, "--user", "--preserve-credentials"))
    finally:
        holder.kill()
        holder.wait()
        shutil.rmtree(root)


@pytest.fixture(scope="module")
def kit(offline: Offline) -> Path:
    """Unpacked where the machine sees it: for the Python of the tests alone."""
    with tempfile.TemporaryDirectory() as folder:
        archive = write_kit(Path(folder), [PYTHON])
        with tarfile.open(archive) as packed:
            packed.extractall(offline.path("/opt"), filter="tar")
    (unpacked,) = offline.path("/opt").glob("quisait-kit-*")
    return Path("/opt") / unpacked.name


@pytest.fixture(scope="module")
def installed(offline: Offline, kit: Path) -> Path:
    """The program, installed by an ordinary account, and its settings: a small administration."""
    place = make_place(offline.path("/opt/documents"))
    install(offline, kit)
    text = (place.folder / "quisait.toml").read_text("utf-8")
    text = re.sub(r'^(path|agents|groups) = "', r'\1 = "/opt/documents/', text, flags=re.MULTILINE)
    settings = offline.path("/opt/site/quisait.toml")
    written = tomllib.loads(settings.read_text("utf-8"))
    register, prepared = written["privacy"]["register_file"], written["encoder"]["prepared"]
    assert (written["folder"], register, prepared) == (
        "/opt/site/etat",
        "/opt/site/registre/registre.jsonl",
        f"{PREFIX}/model",
    )
    places = f'[privacy]\nregister_file = "{register}"\n[encoder]\nprepared = "{prepared}"\n'
    settings.write_text(f'folder = "{written["folder"]}"\n{text}{places}', "utf-8")
    return Path("/opt/site")


def install(offline: Offline, kit: Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    options = ("--prefix", str(PREFIX), "--site", "/opt/site", "--python", str(_INTERPRETER))
    return offline.run("sh", str(kit / "install.sh"), *options, "--sources", status=status)


def variables(offline: Offline, file: Path) -> dict[str, str]:
    lines = offline.path(file).read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_a_changed_wheel_is_named_and_nothing_is_installed(offline: Offline, kit: Path) -> None:
    """So is one that is not there."""
    wheel = next(offline.path(kit / "wheels").glob("fastapi-*.whl"))
    content = wheel.read_bytes()
    for change in (lambda: wheel.write_bytes(content + b"\0"), wheel.unlink):
        change()
        told = install(offline, kit, status=1).stderr
        assert wheel.name in told
        assert "Rien n'a été installé." in told
        assert not offline.path(PREFIX).exists()
    wheel.write_bytes(content)


def test_it_installs_without_a_network_and_answers(offline: Offline, installed: Path) -> None:
    """As an ordinary account, with its own encoder, which is not prepared again."""
    seen = offline.run(str(PREFIX / "bin/python"), "-c", _INTERFACES)
    assert seen.stdout == "['lo']\n"
    environment = variables(offline, installed / "environment")
    assert environment.keys() == {"QUISAIT_FILE", "QUISAIT_SECRETS"}
    quisait = str(PREFIX / "bin/quisait")
    checked = offline.run(quisait, "check", environment=environment).stdout
    assert "ÉCHEC" not in checked
    offline.run(quisait, "crawl", environment=environment)
    asked = ("search", "bornage", "--agent", "ag-2", "--json")
    found = json.loads(offline.run(quisait, *asked, environment=environment).stdout)
    assert "notes:bornage.txt" in [one["id"] for one in found["documents"]]
    assert not offline.path(installed / "etat/model").exists()
    kinds = offline.run(quisait, "connector", "list", environment=environment).stdout
    for package in REPOSITORY.glob("packages/*/pyproject.toml"):
        points = tomllib.loads(package.read_text("utf-8"))["project"].get("entry-points", {})
        for kind in points.get("quisait.connectors", {}):
            assert re.search(rf"^{kind}\b", kinds, re.MULTILINE), (kind, kinds)


def test_run_again_it_changes_no_setting(offline: Offline, kit: Path, installed: Path) -> None:
    kept = {
        path: path.read_bytes() for path in offline.path(installed).rglob("*") if path.is_file()
    }
    assert {path.name for path in kept} > {"quisait.toml", "environment", "server__token_key"}
    told = install(offline, kit).stdout
    assert f"{installed}/quisait.toml" in told
    assert {path: path.read_bytes() for path in kept} == kept


def test_run_again_it_takes_another_python(offline: Offline, kit: Path, installed: Path) -> None:
    """As when the one before is gone: the program is made again, and settings stay."""
    link = offline.path(PREFIX / "bin" / f"python{PYTHON}")
    link.unlink()
    link.symlink_to("/nowhere/python")
    told = install(offline, kit).stdout
    assert "un autre Python" in told
    assert f"{installed}/quisait.toml" in told
    assert offline.run(str(PREFIX / "bin/quisait"), "connector", "list").stdout.count("quisait-")


if _IS_ROOT:  # only root can make a folder that the service may not enter

    def test_python_that_the_service_cannot_run_is_refused(offline: Offline, kit: Path) -> None:
        """Before anything is installed: it lies in a folder of root."""
        closed = offline.path("/opt/de-root")
        closed.mkdir(mode=0o700)
        os.chown(closed, 0, 0)
        (closed / f"python{PYTHON}").symlink_to(_INTERPRETER)
        python = f"/opt/de-root/python{PYTHON}"
        script = ("sh", str(kit / "install.sh"), "--systemd", "--python", python)
        refused = offline.run_as_root(*script, status=1).stderr
        assert "compte du service" in refused
        assert "Rien n'a été installé" in refused
        assert not offline.path("/etc/quisait").exists()


def test_what_install_cannot_do_is_said(offline: Offline, kit: Path, installed: Path) -> None:
    """A Python that the kit does not know, a folder of something else, and whose right it is."""
    script = str(kit / "install.sh")
    other = offline.run("sh", script, "--python", "/bin/true", status=1).stderr
    assert "ne se lance pas comme un interpréteur Python" in other
    taken = ("--prefix", "/opt/documents", "--python", str(_INTERPRETER))
    assert "n'est pas vide" in offline.run("sh", script, *taken, status=1).stderr
    assert "en root" in offline.run("sh", script, "--systemd", status=1).stderr


def test_the_units_run_as_their_account(offline: Offline, kit: Path, installed: Path) -> None:
    """`--systemd` over what an operator wrote, which stays; then each start command as it is
    written, under what the unit closes.
    """
    script = ("sh", str(kit / "install.sh"), "--systemd", "--python", str(_INTERPRETER))
    if not _IS_ROOT:
        assert "en root" in offline.run(*script, status=1).stderr
        return
    settings = offline.path(SETTINGS)
    settings.mkdir()
    shutil.copy(offline.path(installed / "quisait.toml"), settings / "quisait.toml")
    edited = offline.path("/etc/systemd/system/quisait.service")
    edited.parent.mkdir(parents=True, exist_ok=True)
    given = (REPOSITORY / "deploy/systemd/quisait.service").read_text("utf-8")
    edited.write_text(f"{given}# à nous\n", "utf-8")
    told = offline.run_as_root(*script).stdout
    assert "quisait.service a été modifiée : la nouvelle est à côté" in told
    assert edited.read_text("utf-8").endswith("# à nous\n")
    assert (settings / "quisait.toml").read_bytes() == offline.path(
        installed / "quisait.toml"
    ).read_bytes()

    unit = Unit.read(edited)
    account = offline.account(unit.account)
    environment = variables(offline, unit.variables) | {"QUISAIT_METRICS__PORT": "8078"}
    sign = f"{PREFIX}/bin/quisait token ag-2 2>/dev/null || true"
    journal = offline.root / "journal"
    with journal.open("wb") as output:
        process = subprocess.Popen(
            offline.service(unit), cwd="/", env=offline.environment(environment), stderr=output
        )

    def found() -> bool:
        assert process.poll() is None, journal.read_text("utf-8")
        signed = offline.run("sh", "-c", sign, environment=environment, account=account).stdout
        if not (token := signed.strip()):
            return False  # the directory was not read yet
        asked = ("-c", _ASK, "http://127.0.0.1:8077/api/v1/search?q=bornage", token)
        answer = json.loads(offline.run_as_root(str(PREFIX / "bin/python"), *asked).stdout)
        return "notes:bornage.txt" in [one["id"] for one in answer.get("documents", ())]

    try:
        wait_until(found)
        back_up(offline, environment)
        process.terminate()
        assert process.wait(30) == 0, journal.read_text("utf-8")
    finally:
        process.kill()
        process.wait()


def back_up(offline: Offline, environment: Mapping[str, str]) -> None:
    """The nightly unit, beside the service: its folders are made as systemd makes them."""
    unit = Unit.read(offline.path("/etc/systemd/system/quisait-backup.service"))
    uid, _, gid = offline.account(unit.account).partition(":")
    for name in unit.folders:
        folder = offline.path("/var/lib") / name
        folder.mkdir(mode=0o700, exist_ok=True)
        os.chown(folder, int(uid), int(gid))
    command = offline.service(unit)
    subprocess.run(command, cwd="/", env=offline.environment(environment), check=True)
    (made,) = offline.path("/var/lib/quisait-sauvegardes").iterdir()
    assert (made / "manifest.json").is_file()


def test_its_lists_are_whole(offline: Offline, kit: Path) -> None:
    """Each file has a sum; the bill obeys CycloneDX, and names a licence for each component."""
    unpacked = offline.path(kit)
    listed = {line.split("  ", 1)[1] for line in (unpacked / SUMS).read_text("utf-8").splitlines()}
    there = {
        path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()
    }
    assert there - listed == {SUMS}
    assert listed <= there
    text = (unpacked / "nomenclature.cdx.json").read_text("utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    components = json.loads(text)["components"]
    requirements = (REPOSITORY / "requirements-sources.txt").read_text("utf-8")
    own = [path.parent.name for path in REPOSITORY.glob("packages/*/pyproject.toml")]
    known = [*pins(requirements, PYTHON), *own, "pip", "the model"]
    assert len(components) == len(known)
    assert [one["name"] for one in components if not one.get("licenses")] == []
    for engine in ENGINES:
        assert engine.sha512 in (unpacked / "engines/MOTEURS.md").read_text("utf-8")


@pytest.mark.parametrize("python", PYTHONS)
def test_each_pin_is_meant_for_one_version_of_a_package(python: str) -> None:
    """Markers choose, and none for another system is left."""
    chosen = [one.partition("==")[0] for one in pins(PINS, python)]
    assert chosen == ["numpy", "plain"]
    whole = [
        one.partition("==")[0]
        for one in pins((REPOSITORY / "requirements.txt").read_text(), python)
    ]
    assert len(whole) == len(set(whole))
    assert {"numpy", "onnxruntime"} < set(whole)


PINS = """numpy==2.4.6 ; python_full_version < '3.12'
    # via quisait (pyproject.toml)
numpy==2.5.5 ; python_full_version >= '3.12'
colorama==0.4.6 ; sys_platform == 'win32'
plain==1.0
"""
