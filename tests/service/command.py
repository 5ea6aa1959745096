"""The real command, each run in a process of its own that does not import it anew.

Importing takes most of a short command's time. One process per session of pytest imports it, loads
what commands only read (the bundled model, the gazetteer), waits with a single thread and forks for
each run, as `main` shows. A run has the environment, folder
and outputs that are asked for; it shares with others of the session the seed of hashes. What is
read when a process begins (`LD_PRELOAD`, locale) cannot be given later: where that is asked for,
the command is a process that begins anew.
"""

import atexit
import functools
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

START_TIMEOUT_S = 120
ROOT = Path(__file__).parents[2]
GIVEN_LATER = {"TZ", "PYTHONPATH"}
"""Variables beside quisait's own that a forked run takes."""
_OF_TESTS = {"PYTEST_CURRENT_TEST", "TESTS_START_NO_SERVER"}
"""Variables that differ between tests and that no command reads (`NO_SERVERS` of `tests.needs`,
not imported here: pytest would come with it into each run)."""
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
            with suppress(ProcessLookupError):  # it ended since
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
    module: str = "quisait.cli",
) -> Process:
    """Begin `quisait` with these arguments; the outputs are files, written anew.

    With a `module`, its `main` is called with the arguments instead.
    """
    address, given = _waiting()
    changed = {
        name
        for name in environment.keys() | given.keys()
        if environment.get(name) != given.get(name)
    } - GIVEN_LATER
    if any(not name.startswith("QUISAIT_") for name in changed - _OF_TESTS):
        run = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from {module} import main; "
        run += "sys.exit(main(*sys.argv[1:]))"
        begun = ["-m", module] if module == "quisait.cli" else ["-c", run]
        command = [sys.executable, *begun, *arguments]
        with stdout.open("wb") as out, stderr.open("wb") as err:
            return subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=err)
    keeper = socket.socket(socket.AF_UNIX)
    keeper.connect(str(address))
    asked: dict[str, Any] = {"arguments": list(arguments), "environment": dict(environment)}
    asked |= {"folder": str(folder), "stdout": str(stdout), "stderr": str(stderr)}
    asked["module"] = module
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
        cwd=ROOT,
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
    """Fork a run for each connection, and tell it the exit status, until standard input closes."""
    from quisait import cli  # before it forks, and nowhere else

    _load()
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "a fork would lose a thread"
    gc.freeze()
    runs: dict[int, tuple[int, socket.socket]] = {}
    with socket.socket(socket.AF_UNIX) as listening:
        made = Path(f"{address}.new")
        listening.bind(str(made))
        listening.listen(64)
        made.rename(address)
        while True:
            ready = select.select([listening, sys.stdin, *runs], [], [])[0]
            if sys.stdin in ready:
                return
            for ended in runs.keys() & set(ready):
                pid, connection = runs.pop(ended)
                status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                os.close(ended)
                with connection, suppress(BrokenPipeError):
                    connection.sendall(b"%*d" % (WIDTH, status))
            if listening in ready:
                connection, _ = listening.accept()
                with connection.makefile("rb") as reading:
                    asked = json.loads(reading.readline())
                if (pid := os.fork()) == 0:
                    for opened in (listening, connection, *(one for _, one in runs.values())):
                        opened.close()
                    _run(asked, cli)
                runs[os.pidfd_open(pid)] = pid, connection
                with suppress(BrokenPipeError):
                    connection.sendall(b"%*d" % (WIDTH, pid))


def _load() -> None:
    """Read what commands read at their first question, and import what they import when used."""
    import alembic.command  # noqa: F401
    import numpy.ma  # noqa: F401

    import quisait.server.app  # noqa: F401
    from evaluation.measures import load_ir_measures
    from expertise.places import place_in
    from indexer.encoding.onnx_encoder import OnnxEncoder
    from indexer.opensearch import client, storage  # noqa: F401
    from quisait.application.engines import open_encoder
    from quisait.cli import load_all
    from quisait.settings import EncoderSettings
    from tests.model_export import CACHE

    load_all()
    load_ir_measures()
    place_in("à Rennes")
    encoder = open_encoder(EncoderSettings(prepared=str(CACHE)), CACHE)
    assert isinstance(encoder, OnnxEncoder)
    encoder.beginning("")


def _run(asked: Mapping[str, Any], cli: Any) -> NoReturn:
    """Be the command."""
    # A shell without job control has what it starts in the background ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
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
    try:
        if asked["module"] != cli.__name__:
            sys.exit(importlib.import_module(asked["module"]).main(*asked["arguments"]))
        sys.exit(cli.app())
    except SystemExit as ended:
        # As Python ends, without deleting one by one the objects of the process that forked.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended.code if isinstance(ended.code, int) else int(bool(ended.code)))


if __name__ == "__main__":
    main(sys.argv[1])
