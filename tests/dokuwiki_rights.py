"""Rights as DokuWiki's own functions compute them (Debian's package `dokuwiki`)."""

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.needs import starting

SCRIPT = Path(__file__).with_suffix(".php")


def ensure_dokuwiki() -> Path:
    """Return the folder of DokuWiki's code. Raises `AssertionError` if it is not installed."""
    answers = starting("dokuwiki")
    home = Path(os.environ.get("DOKUWIKI_HOME", "/usr/share/dokuwiki"))
    assert (home / "inc" / "auth.php").exists(), (
        "install Debian's package dokuwiki, as `make soak` does"
    )
    answers()
    return home


def permissions(
    rules: Path, users: Mapping[str, Iterable[str]], pages: Iterable[str]
) -> dict[str, dict[str, int]]:
    """Return each user's permission on each page: 0 for none. A user without a name is a guest."""
    asked = {"users": {one: list(groups) for one, groups in users.items()}, "pages": list(pages)}
    command = ["php", str(SCRIPT), str(ensure_dokuwiki()), str(rules)]
    done = subprocess.run(
        command, input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    found: dict[str, dict[str, int]] = json.loads(done.stdout)
    return found
