"""Try a source in a child process with limited memory and time, which stores nothing.

`tried_apart` starts it; `python -m quisait_desk.trial_child` is the child. It reads the source's
settings from its standard input, and writes one JSON value per line, so that the first findings of
an endless source are seen.
"""

import json
import logging
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from threading import BoundedSemaphore
from typing import Any

from pydantic import TypeAdapter, ValidationError

from connectors.installed import installed_connectors, load_kind
from connectors.ports import SourceError
from quisait.application.engines import open_extractor
from quisait.application.logs import set_up_logs
from quisait.application.sources import open_source
from quisait.settings import ExtractorSettings
from quisait.settings.sources import SourceSettings, password_variable
from quisait.settings.types import fault_lines
from quisait_desk.trial import Sign, gathered, trial_signs
from quisait_desk.values import SourceTrial, TriedDocument

DOCUMENTS = 10
TIME_LIMIT_S = 40.0
MEMORY_BYTES = 1 << 30
"""Maximum writable memory of the child in bytes (RLIMIT_DATA), including its libraries."""
FILE_BYTES = 64 << 20
"""Maximum size of a file that a library may write, such as a part of a mailbox."""
MOST_TRIALS = 2
"""Maximum number of trials of one process at the same time."""
MOST_SIGNS = 30
"""Maximum number of unreadable records, and of sentences about the account's rights."""
LONGEST = 500
"""Maximum length of a title, a reason or an address, in characters."""
MOST_OF_READERS = 100_000
"""Maximum length of a document's readers, in characters; a document with more is not shown."""
WORK = "work"
"""Name of the option for the folder in which some kinds store a copy of their source; a trial uses
a separate folder.
"""
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")

_RUNNING = BoundedSemaphore(MOST_TRIALS)

log = logging.getLogger(__name__)


def tried_apart(
    source: SourceSettings, extractor: ExtractorSettings, time_limit_s: float = TIME_LIMIT_S
) -> SourceTrial:
    """Try a source in a child process. Raises `ValueError` if too many trials are running."""
    if not _RUNNING.acquire(blocking=False):
        raise ValueError(
            f"{MOST_TRIALS} essais sont déjà en cours : recommencez dans {TIME_LIMIT_S:.0f} s."
        )
    try:
        with tempfile.TemporaryDirectory(prefix="quisait-", ignore_cleanup_errors=True) as folder:
            return _tried_in(folder, source, extractor, time_limit_s)
    finally:
        _RUNNING.release()


def _tried_in(
    folder: str, source: SourceSettings, extractor: ExtractorSettings, time_limit_s: float
) -> SourceTrial:
    """Run the child, which may write files only in `folder`."""
    described = source.model_dump(mode="json", exclude_defaults=True)
    if (
        source.kind in installed_connectors()
        and WORK in load_kind(source.kind).options.model_fields
    ):
        described["options"] = {**source.options, WORK: folder}
    asked = {
        "source": described,
        "extractor": extractor.model_dump(mode="json"),
        "count": DOCUMENTS,
        "limit_s": time_limit_s,
    }
    child = subprocess.Popen(
        [sys.executable, "-m", "quisait_desk.trial_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=_environment(source.name) | {"TMPDIR": folder},
        start_new_session=True,
    )
    late = False
    with child:
        try:
            out, _ = child.communicate(json.dumps(asked).encode(), timeout=time_limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            out, _ = child.communicate()
            late = True
    signs = list(_read(out))
    if not any(name == "stopped" for name, _ in signs):
        signs += [("stopped", said) for said in _why_ended(signs, child.returncode, late=late)]
    return gathered(source.name, iter(signs))


def _why_ended(signs: Sequence[Sign], status: int, *, late: bool) -> Iterator[str]:
    """Yield a French sentence if the child was stopped or crashed."""
    if late and any(name == "documents" for name, _ in signs):
        yield (
            "L’essai s’arrête à sa limite de temps : la source est lente. Une lecture entière n’a "
            "pas cette limite."
        )
    elif late:
        yield (
            "Rien n’est venu dans le temps d’un essai : vérifiez l’adresse, le réseau et le "
            "compte. Une très grande source peut aussi être longue à énumérer."
        )
    elif status:
        yield (
            "L’essai s’est arrêté sans rien dire : il demande plus de mémoire qu’un essai n’en a "
            f"({MEMORY_BYTES >> 20} Mio), ou le connecteur est en faute ; le journal dit où."
        )


def _environment(name: str) -> dict[str, str]:
    """Return the child's variables, without other sources' passwords or this server's keys."""
    own = password_variable(name)
    kept = {
        one: os.environ[one] for one in (*_KEPT_VARIABLES, "QUISAIT_FILE", own) if one in os.environ
    }
    kept |= {one: value for one, value in os.environ.items() if one.startswith("PYTHON")}
    # One thread: libraries with a stack per core would use up the child's memory.
    return {**kept, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


_DOCUMENT = TypeAdapter(TriedDocument)


def _read(out: bytes) -> Iterator[Sign]:
    """Yield the child's findings, without a line cut short when it was stopped."""
    for line in out.decode("utf-8", "replace").splitlines():
        try:
            name, found = json.loads(line)
        except ValueError:
            continue
        if name == "documents":
            yield name, _DOCUMENT.validate_python(found)
        else:
            yield name, tuple(found) if isinstance(found, list) else found


def _child() -> None:
    """Set limits first, since the rest reads untrusted data; then try the source."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    set_up_logs("text", "error")
    asked = json.load(sys.stdin)
    # If the parent process dies, nobody else ends this one.
    signal.alarm(int(asked.get("limit_s", TIME_LIMIT_S)) + 10)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # output of libraries goes to standard error
    try:
        for name, found in _bounded(_signs(asked)):
            value = asdict(found) if isinstance(found, TriedDocument) else found
            print(json.dumps([name, value], default=str), file=answers, flush=True)
    except Exception:  # its text may be the source's: only class and place are logged
        log.exception("trial failed")
        sys.exit(1)


def _signs(asked: Mapping[str, Any]) -> Iterator[Sign]:
    try:
        source = SourceSettings.model_validate(asked["source"])
        # Its own child cannot raise the limit of this one.
        most = {"max_memory_bytes": MEMORY_BYTES}
        extracting = ExtractorSettings.model_validate(asked["extractor"] | most)
        with open_extractor(extracting) as extractor:
            yield from trial_signs(open_source(source, None), asked["count"], extractor)
    except ValidationError as error:
        yield "stopped", " ; ".join(fault_lines(error))
    except SourceError as error:
        yield "stopped", str(error)
    except OSError as error:
        yield "stopped", f"La source ne peut pas être lue ({type(error).__name__}) : vérifiez-la."


def _bounded(signs: Iterator[Sign]) -> Iterator[Sign]:
    """Yield the findings, shortened and limited in number."""
    counts: dict[str, int] = {}
    for name, found in signs:
        counts[name] = counts.get(name, 0) + 1
        if name in ("missing", "unread") and counts[name] > MOST_SIGNS:
            continue
        match found:
            case str():
                yield name, found[:LONGEST]
            case (str(where), str(reason)):
                yield name, (where[:LONGEST], reason[:LONGEST])
            case TriedDocument() if sum(map(len, found.allowed + found.denied)) > MOST_OF_READERS:
                yield (
                    "unread",
                    (found.id[:LONGEST], "ses lecteurs sont trop nombreux pour un essai"),
                )
            case TriedDocument():
                yield name, _short(found)
            case _:
                yield name, found


def _short(one: TriedDocument) -> TriedDocument:
    names = ("id", "title", "kind", "filename", "unread")
    cut = {name: getattr(one, name)[:LONGEST] for name in names}
    url = one.url if len(one.url) <= LONGEST * 4 else ""
    authors = tuple(author[:LONGEST] for author in one.authors[:MOST_SIGNS])
    return replace(one, **cut, url=url, authors=authors)


if __name__ == "__main__":
    _child()
