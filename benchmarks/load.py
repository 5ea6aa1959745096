"""Check that one reader does not hold up the others: `python -m benchmarks.load [CONNECTIONS]`.

Serves the demo from processes of its own on loopback. Six readers request pages, ten times each
with a pause between; first alone, then beside a reader who sends the slowest questions over many
connections at once (12 by default). Then `quisait run` reads the demo again while one reader asks.
Fails if the six wait more than twice as long (p95), and longer than a machine's variation.

`python -m benchmarks.load readers [DOCUMENTS]`: answers per second of a server before p95 exceeds
one second. 1, 2, 4… readers ask one question after the other without a pause: on the demo, then on
an embedded index of that many documents (100 000 by default), which is filled first unless `python
-m benchmarks.million embedded` has done it. Each line gives the processor cores used by the server
and the cost of a page; the first line, the encoder's cost of a question. Each is measured with one
BLAS thread, like a server, then with one per core, then with one again. The readers run on the same
machine.
"""

import csv
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection
from itertools import cycle
from pathlib import Path
from unittest import mock
from urllib.parse import urlencode

import httpx

from benchmarks.million import SERVED, served_index
from benchmarks.million_documents import SOURCE
from benchmarks.search import QUERIES
from benchmarks.search import questions as questions_of_a_set
from indexer.encoding.onnx_encoder import OnnxEncoder
from quisait.application.assembly import open_application
from quisait.server.app import BLAS_THREADS
from quisait.settings import load_settings
from quisait.work.crawl import read_directory
from search_api.identity.tokens import DEMO_COOKIE
from tests.load import (
    DEMO,
    HOSTILE,
    QUESTIONS,
    READERS,
    TIMEOUT_S,
    WORST,
    Waits,
    ask,
    asked_by,
    copied_demo,
    doing_their_worst,
    quisait,
    started,
)
from tests.model_export import CACHE as MODELS
from tests.model_export import prepared_model
from tests.shared_files import SHARED

ASKED = questions_of_a_set() if (SHARED / QUERIES).exists() else list(QUESTIONS)
EACH, PAUSE_S = 10, 0.5
PHASE_S = 60.0
"""Seconds after which no reader begins another question."""
CONNECTIONS = 12
LEAST_S = 0.3
"""Seconds by which the times of one machine vary."""
MOST_TIMES = 2.0
CRAWL_S = 60.0


def quiet_and_attacked(address: str, connections: int) -> tuple[Waits, Waits]:
    """Measure the waits of six readers, alone and beside one who sends the slowest questions."""
    ask(address, READERS[0], QUESTIONS[0])
    alone = statistics.median(ask(address, READERS[0], question)[1] for question in QUESTIONS)
    worst = statistics.median(ask(address, HOSTILE, question)[1] for question in WORST)
    print(f"one page alone: {alone * 1000:.0f} ms; of the worst: {worst * 1000:.0f} ms", flush=True)
    quiet = six_readers(address)
    print(f"six readers: {quiet.line()}", flush=True)
    with doing_their_worst(address, HOSTILE, connections) as hostile:
        attacked = six_readers(address)
        began = time.monotonic()
        ready = httpx.get(f"{address}/health/ready", trust_env=False, timeout=120).status_code
        ready_s = time.monotonic() - began
    print(f"beside {connections} connections of one: {attacked.line()}")
    print(f"that one: {hostile.line()}; /health/ready: {ready} after {ready_s * 1000:.0f} ms")
    return quiet, attacked


def six_readers(address: str) -> Waits:
    """Measure the waits of six readers."""
    ends = time.monotonic() + PHASE_S

    def goes_on(count: int) -> bool:
        return count < EACH and time.monotonic() < ends

    return asked_by(address, READERS, QUESTIONS, goes_on, PAUSE_S)


def while_crawling(address: str) -> Waits:
    """Measure the waits of one reader while the same process reads the demo's sources."""
    ends = time.monotonic() + CRAWL_S
    return asked_by(address, READERS[:1], QUESTIONS, lambda _count: time.monotonic() < ends, 0.3)


LARGE = 100_000
LEVELS = (1, 2, 4, 8, 16)
LEVEL_S, WARM_S = 12.0, 4.0
MOST_S = 1.0
"""Highest accepted p95 of a page, in seconds."""
AGENTS = DEMO / "annuaire" / "agents.csv"


def readers_of_demo() -> list[str]:
    """Return the demo's agents, each of whom has a rate limit of their own."""
    with AGENTS.open(encoding="utf-8", newline="") as file:
        return [row["id"] for row in csv.DictReader(file) if not row.get("departure")]


def steadily(address: str, agents: Sequence[str], lasting_s: float) -> Waits:
    """Measure agents who ask without a pause, each over one persistent connection."""
    waits, ends = Waits(), time.monotonic() + lasting_s
    host = address.removeprefix("http://")

    def read(number: int, agent: str) -> None:
        connection = HTTPConnection(host, timeout=TIMEOUT_S)
        asked = cycle([*ASKED[number:], *ASKED[:number]])
        while time.monotonic() < ends:
            began = time.monotonic()
            path = f"/?{urlencode({'q': next(asked)})}"
            connection.request("GET", path, headers={"Cookie": f"{DEMO_COOKIE}={agent}"})
            answer = connection.getresponse()
            answer.read()
            waits.seconds.append(time.monotonic() - began)
            waits.statuses[answer.status] += 1
        connection.close()

    with ThreadPoolExecutor(len(agents)) as threads:
        for done in [threads.submit(read, *one) for one in enumerate(agents)]:
            done.result()
    return waits


def processor_s(address: str) -> float:
    """Return the processor seconds used by the process that serves this address."""
    port = int(address.rpartition(":")[2])
    told = [f"--port\0{port}\0".encode()]
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(one in (folder / "cmdline").read_bytes() for one in told):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    raise LookupError(address)


def answers_a_second(settings: Path) -> float:
    """Return the highest rate with p95 below one second; print each number of readers."""
    agents, most = readers_of_demo(), 0.0
    with started(settings, "serve") as address:
        steadily(address, agents[:2], WARM_S)
        for level in LEVELS:
            before, own = processor_s(address), time.process_time()
            began = time.monotonic()
            waits = steadily(address, agents[:level], LEVEL_S)
            lasted_s = time.monotonic() - began
            used_s, own_s = processor_s(address) - before, time.process_time() - own
            count = len(waits.seconds)
            print(
                f"{level:3} readers: {count / lasted_s:5.1f} answers/s, {waits.line()}; server "
                f"{used_s / lasted_s:.2f} cores, {1000 * used_s / count:.0f} ms a page; readers "
                f"{own_s / lasted_s:.2f} cores",
                flush=True,
            )
            if waits.p(95) < MOST_S:
                most = max(most, count / lasted_s)
            else:
                break
    return most


def encoder_ms() -> float:
    """Return the encoder's processor time for one question, in milliseconds."""
    encoder, times = OnnxEncoder(prepared_model()), []
    for question in [*ASKED[:5], *ASKED]:
        began = time.process_time()
        encoder.queries([question])
        times.append(time.process_time() - began)
    return statistics.median(times[5:]) * 1000


def many_readers(documents: int) -> None:
    """Print answers per second on the demo and on many documents, by number of BLAS threads."""
    print(f"the encoder alone: {encoder_ms():.1f} ms of processor time a question", flush=True)
    os.environ |= {f"QUISAIT_DOOR__{who}_PER_MINUTE": "0" for who in ("READER", "ADDRESS")}
    os.environ["QUISAIT_ENCODER__PREPARED"] = str(MODELS)
    with tempfile.TemporaryDirectory() as folder:
        demo = copied_demo(Path(folder) / "demo")
        quisait(demo, "crawl", "--json")
        large = copied_demo(Path(folder) / "large", sources=("notes",))
        kept = f'folder = "{SERVED.resolve()}"'
        text = large.read_text("utf-8").replace('folder = "../.demo"', kept)
        large.write_text(f'{text}\n[[sources]]\nname = "{SOURCE}"\nkind = "push"\n', "utf-8")
        places = {"demo": demo}
        if served_index().count(SOURCE) < documents:
            # In a child process, so that its memory is freed.
            fill = [sys.executable, "-m", "benchmarks.million", "embedded", "fill", str(documents)]
            subprocess.run(fill, check=True)
        with (
            mock.patch.dict(os.environ, {"QUISAIT_FILE": str(large)}),
            open_application(load_settings()) as application,
        ):
            read_directory(application)
            places[f"{application.index.count(SOURCE)} documents"] = large
        for name, settings in places.items():
            for threads in (1, os.cpu_count(), 1):
                os.environ[BLAS_THREADS] = str(threads)
                print(f"\n{name}, BLAS threads: {threads}", flush=True)
                found = answers_a_second(settings)
                print(f"{name}: {found:.1f} answers/s with p95 under {MOST_S:.0f} s", flush=True)


def main(arguments: list[str]) -> None:
    """Measure; fail if one reader holds up the others."""
    if "readers" in arguments:
        many_readers(next((int(one) for one in arguments if one.isdigit()), LARGE))
        return
    connections = int(arguments[0]) if arguments else CONNECTIONS
    with tempfile.TemporaryDirectory() as folder:
        settings = copied_demo(Path(folder) / "crawling")
        with started(settings, "run") as address:
            print(f"while `quisait run` reads: {while_crawling(address).line()}", flush=True)
        settings = copied_demo(Path(folder) / "served")
        quisait(settings, "crawl", "--json")
        with started(settings, "serve") as address:
            quiet, attacked = quiet_and_attacked(address, connections)
    if attacked.p(95) > max(MOST_TIMES * quiet.p(95), LEAST_S):
        raise SystemExit(
            f"More than {MOST_TIMES:.0f} times as long beside one who does their worst"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
