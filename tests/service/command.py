"""The real command, each run in a process of its own that does not import it anew.

Importing takes most of a short command's time. One process per session of pytest imports it, waits
with a single thread and forks for each run, as `main` shows. A run has the environment, folder
and outputs that are asked for; it shares with others of the session the seed of hashes. What is
read when a process begins (`LD_PRELOAD`, locale) cannot be given later: where that is asked for,
the command is a process that begins anew.
"""

import functools
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_TIMEOUT_S = 120
GIVEN_LATER = {"TZ", "PYTHONPATH"}
"""Variables beside quisait's own that a forked run takes."""
_OF_TESTS = {"PYTEST_CURRENT_TEST"}
WIDTH = 8
"""Bytes of a process id or an exit status, in decimal digits."""


@dataclass(slots=True)
class Command:
    """A run of the command, in the words of `subprocess.Popen`."""

    arguments: Sequence[str]
    pid: int
    _keeper: socket.socket
    returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit status, minus the signal that ended it, None while it runs."""
        if self.returncode is None and select.select([self._keeper], [], [], 0)[0]:
            self._end()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Raises `subprocess.TimeoutExpired` after so many seconds."""
        if self.returncode is None:
            if not select.select([self._keeper], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(list(self.arguments), timeout or 0)
            self._end()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """To the run, unless it ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to stop."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def _end(self) -> None:
        self.returncode = _number(self._keeper)
        self._keeper.close()


Process = Command | subprocess.Popen[bytes]


def start(
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    stdout: Path,
    stderr: Path,
) -> Process:
    """Begin `quisait` with these arguments; the outputs are files, written anew."""
    address, given = _waiting()
    changed = {
        name
        for name in environment.keys() | given.keys()
        if environment.get(name) != given.get(name)
    } - GIVEN_LATER
    if any(not name.startswith("QUISAIT_") for name in changed - _OF_TESTS):
        command = [sys.executable, "-m", "quisait.cli", *arguments]
        with stdout.open("wb") as out, stderr.open("wb") as err:
            return subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=err)
    keeper = socket.socket(socket.AF_UNIX)
    keeper.connect(str(address))
    asked: dict[str, Any] = {"arguments": list(arguments), "environment": dict(environment)}
    asked |= {"folder": str(folder), "stdout": str(stdout), "stderr": str(stderr)}
    keeper.sendall(json.dumps(asked).encode() + b"\n")
    return Command(arguments, _number(keeper), keeper)


def _number(keeper: socket.socket) -> int:
    return int(keeper.recv(WIDTH, socket.MSG_WAITALL))


@functools.cache
def _waiting() -> tuple[Path, dict[str, str]]:
    """(the socket of the process that forks, its environment).

    It ends with this one, whose end of a pipe closes.
    """
    address = Path(tempfile.mkdtemp(prefix="quisait-")) / "commands"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.service.command", str(address)],
        env=environment,
        stdin=subprocess.PIPE,
    )
    deadline = time.monotonic() + START_TIMEOUT_S
    while not address.exists():
        assert process.poll() is None, "the command cannot be imported"
        assert time.monotonic() < deadline, "the command is not imported in time"
        time.sleep(0.05)
    return address, environment


def main(address: str) -> None:
    """Wait for runs until standard input closes."""
    from quisait import cli  # before it forks, and nowhere else

    cli.load_all()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a keeper
    with socket.socket(socket.AF_UNIX) as listening:
        made = Path(f"{address}.new")
        listening.bind(str(made))
        listening.listen(64)
        made.rename(address)
        while sys.stdin not in select.select([listening, sys.stdin], [], [])[0]:
            connection, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                _keep(connection, cli)
            connection.close()


def _keep(connection: socket.socket, cli: Any) -> None:
    """Fork the run, tell its process id, and its exit status once it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with connection, connection.makefile("rb") as reading:
        asked = json.loads(reading.readline())
        pid = os.fork()
        if pid == 0:
            reading.close()
            connection.close()
            _run(asked, cli)
        connection.sendall(b"%*d" % (WIDTH, pid))
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        connection.sendall(b"%*d" % (WIDTH, status))
    os._exit(0)


def _run(asked: Mapping[str, Any], cli: Any) -> None:
    """Be the command."""
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    time.tzset()
    added = asked["environment"].get("PYTHONPATH", "").split(os.pathsep)
    sys.path[1:1] = [folder for folder in added if folder and folder not in sys.path]
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for number, path, how in (
        (0, os.devnull, os.O_RDONLY),
        (1, asked["stdout"], flags),
        (2, asked["stderr"], flags),
    ):
        opened = os.open(path, how, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv = [cli.__file__, *asked["arguments"]]
    cli.app()


if __name__ == "__main__":
    main(sys.argv[1])
