"""A copy of a repository that git keeps for one source, and commands on it.

Nothing is checked out: no file of the repository is ever written under its own name, and none of
its hooks, filters or submodules run. git gets commits and objects by their digest, and a
configuration of its own; neither the machine's configuration nor an account's is read.
"""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import time
from base64 import b64encode
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote as shell_quote
from threading import Timer

from connectors.ports import RecordVanished, SourceError, SourceRefused, SourceUnreachable
from quisait_git.local import PlainCopy, plain_copy
from quisait_git.options import GitOptions

MOST_ENTRIES = 2_000_000
"""Maximum number of files in a tree: a few kilobytes may name any number of files."""
MOST_LOG_BYTES = 4 * 1024 * 1024 * 1024
MOST_PACKS = 30
"""Each reading may add a pack; with more packs than this, git repacks the copy."""
_LOCAL_TIMEOUT_S = 1800
_CHUNK_BYTES = 1 << 16
_WATCH_S = 0.5
_FETCHED_AT_ONCE = 5_000
_OID = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_TIP = "refs/quisait/tip"
_FORM = "quisait"
"""The file that names the repository of the copy; written last."""
_BEFORE = "quisait.before"
"""The file that names the former tip, until commits that a forced push dropped are removed."""
_DEFAULT = re.compile(r"^ref: refs/heads/(\S+)\tHEAD$", re.MULTILINE)
_CONFIG = """[core]
\thooksPath = /dev/null
\taskPass = true
\tfsmonitor = false
[credential]
\thelper =
[gc]
\tauto = 0
[maintenance]
\tauto = false
[fetch]
\tunpackLimit = 1
\trecurseSubmodules = no
[transfer]
\tcredentialsInUrl = die
[submodule]
\trecurse = false
[http]
\tfollowRedirects = false
\tlowSpeedLimit = 1000
\tlowSpeedTime = 60
[safe]
\tdirectory = *
"""
_REFUSED = re.compile(
    r"Authentication failed|could not read (Username|Password)|returned error: (30\d|40[134])"
    r"|Permission denied|not found|does not exist|does not appear to be a git repository"
    r"|Host key verification failed|certificate|redirect|terminal prompts disabled"
    r"|access denied|not allowed",
    re.IGNORECASE,
)
_DAMAGED = re.compile(
    r"all necessary objects|bad object|corrupt|is empty|missing (blob|tree|commit)|packfile",
    re.IGNORECASE,
)
_LOST_BRANCH = re.compile(
    r"couldn't find remote ref|Remote branch .{1,300} not found", re.IGNORECASE
)


class Damaged(Exception):
    """git cannot read the local copy."""


@dataclass(frozen=True, slots=True)
class Tip:
    """The last commit of the branch that is read."""

    commit: str
    branch: str


@dataclass(frozen=True, slots=True)
class Blob:
    """An entry of the tree: `path` as in git; `size` is None until its object is fetched."""

    path: bytes
    oid: str
    mode: str
    size: int | None


@dataclass(slots=True)
class RepositoryCopy:
    """The copy, in `folder`, of the repository at `address`; `password` is the user's."""

    folder: Path
    address: str
    options: GitOptions
    base: Path
    password: str = field(default="", repr=False)
    _plain: PlainCopy | None = field(default=None, init=False, repr=False)

    def update(self) -> Tip:
        """Fetch the branch as it is now. Raises `SourceUnreachable`, `SourceRefused`."""
        with self._locked():
            self._prepare()
            branch = self.options.branch or self._default_branch()
            before = self._noted_before()
            self._fetch([f"+refs/heads/{branch}:{_TIP}"])
            commit = self._commit()
            if commit is None:
                raise SourceRefused(f"{self.address} : la branche « {branch} » est vide.")
            if before and before != commit and not self._is_ancestor(before, commit):
                # Commits that a forced push dropped are removed here too.
                if self._light:  # git keeps unreachable objects in such a copy
                    self.forget()
                    self._prepare()
                    self._fetch([f"+refs/heads/{branch}:{_TIP}"])
                    commit = self._commit() or commit
                else:
                    self._collect()
            elif sum(1 for _ in (self.folder / "objects" / "pack").glob("*.pack")) > MOST_PACKS:
                self._collect()
            (self.folder / _BEFORE).unlink(missing_ok=True)
            return Tip(commit, branch)

    def kept(self) -> Tip | None:
        """Return the tip of the copy without fetching, or None if there is no copy."""
        commit = self._commit() if (self.folder / _FORM).is_file() else None
        return Tip(commit, "") if commit else None

    def boundary(self) -> frozenset[str]:
        """Return the oldest commits of a shallow repository: they seem to add every file."""
        try:
            return frozenset((self.folder / "shallow").read_text("ascii").split())
        except FileNotFoundError:
            return frozenset()

    def blobs(self, tip: Tip) -> Iterator[Blob]:
        """Yield every entry of the branch's tree, in its order. Raises `SourceError`."""
        sized = [] if self._light else ["-l"]
        for count, entry in enumerate(self._tokens(["ls-tree", "-r", "-z", *sized, tip.commit])):
            if count >= MOST_ENTRIES:
                raise SourceRefused(f"{self.address} a plus de {MOST_ENTRIES} fichiers.")
            about, _, path = entry.partition(b"\t")
            mode, _, oid, *size = about.decode().split()
            known = int(size[0]) if size and size[0].isdecimal() else None
            yield Blob(path, oid, mode, known)

    def fetched(self, oids: Collection[str]) -> dict[str, int]:
        """Fetch missing objects of a light copy; return sizes in bytes by object.

        Returns nothing if the copy is not light. Raises `SourceError`.
        """
        if not self._light:
            return {}
        sizes = self._sizes(oids)
        missing = sorted(oid for oid in oids if oid not in sizes)
        if not missing:
            return sizes
        with self._locked():
            for start in range(0, len(missing), _FETCHED_AT_ONCE):
                self._fetch(missing[start : start + _FETCHED_AT_ONCE])
        return self._sizes(oids)

    def read(self, oid: str, most_bytes: int) -> bytes:
        """Return a file's content. Raises `RecordVanished`."""
        try:
            content = self._read_all(["cat-file", "blob", oid], most_bytes)
        except (Damaged, SourceError) as error:
            raise RecordVanished("git ne rend pas ce fichier") from error
        return content

    def read_small(self, oids: Sequence[str]) -> dict[str, bytes]:
        """Return the contents of small files, by object. Raises `SourceError`."""
        if not oids:
            return {}
        request = "".join(f"{oid}\n" for oid in oids).encode()
        answer = self._read_all(["cat-file", "--batch"], MOST_LOG_BYTES, request)
        found, at = {}, 0
        for oid in oids:
            head, end = answer[at:].split(b"\n", 1)[0], answer.find(b"\n", at) + 1
            size = int(head.split()[2]) if head.split()[1:2] == [b"blob"] else -1
            found[oid] = answer[end : end + max(size, 0)]
            at = end + (size + 1 if size >= 0 else 0)
        return found

    def log(self, tip: Tip, mailmap: str | None) -> Iterator[bytes]:
        """Yield the output of `git log` for every commit, split at NUL (`history` parses it)."""
        similar = "100%" if self._light else "50%"
        yield from self._tokens(
            [
                *("log", "-z", "--topo-order", "--no-merges", "--raw", "--no-abbrev"),
                *("--no-ext-diff", "--no-textconv", "--no-color", "--no-show-signature"),
                *("--no-notes", f"-M{similar}", "--format=tformat:" + LOG_FORMAT, tip.commit),
            ],
            mailmap=mailmap,
        )

    def mapped(self, contacts: Iterable[str], mailmap: str | None) -> list[str]:
        """Return these contacts (`Name <mail>`) as the repository's mailmap writes them."""
        asked = "".join(f"{one}\n" for one in contacts).encode()
        if mailmap is None or not asked:
            return asked.decode().splitlines()
        answer = self._read_all(["check-mailmap", "--stdin"], MOST_LOG_BYTES, asked, mailmap)
        return answer.decode("utf-8", "replace").split("\n")[:-1]

    def forget(self) -> None:
        """Mark the copy as unfinished, so that the next reading makes a new one."""
        (self.folder / _FORM).unlink(missing_ok=True)

    @property
    def _light(self) -> bool:
        return self.options.history == "light"

    def _sizes(self, oids: Collection[str]) -> dict[str, int]:
        wanted = oids if isinstance(oids, set | frozenset) else set(oids)
        listing = ["cat-file", "--batch-all-objects", "--unordered"]
        listing.append("--batch-check=%(objectname) %(objectsize)")
        found = {}
        for line in self._lines(listing):
            oid, _, size = line.decode().partition(" ")
            if oid in wanted:
                found[oid] = int(size)
        return found

    # ------------------------------------------------------------------ the copy

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Lock the copy for one process at a time, with a repository that git may read."""
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(f"{self.folder}.verrou", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SourceRefused(
                f"Le dossier {self.folder.parent} ne s'écrit pas : réglez « work » sur un dossier "
                "où le compte de quisait peut écrire."
            ) from error
        try:
            deadline = time.monotonic() + self.options.timeout_s
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise SourceUnreachable(
                            f"{self.address} : une autre lecture ne finit pas ; relancez plus tard."
                        ) from None
                    time.sleep(_WATCH_S)
            with self._opened():
                yield
        finally:
            os.close(lock)

    @contextmanager
    def _opened(self) -> Iterator[None]:
        """Copy the files of a repository in a folder of this machine, which git then reads."""
        if self.options.scheme != "file":
            yield
            return
        into = self.folder.with_suffix(".lecture")
        with plain_copy(Path(self.address), into, self._environment()) as self._plain:
            try:
                yield
            finally:
                self._plain = None

    def _prepare(self) -> None:
        """Make an empty copy if none exists for this repository and form; remove leftovers."""
        form = self.folder / _FORM
        wanted = f"1 {self.options.history} {self.address}"
        if not form.is_file() or form.read_text("utf-8") != wanted:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(mode=0o700)
            self._write_config()
            self._local(["init", "--quiet", "--bare", "--template="])
            self._local(["config", "remote.origin.url", self.address])
            if self._light:
                self._local(["config", "core.repositoryFormatVersion", "1"])
                self._local(["config", "extensions.partialClone", "origin"])
                self._local(["config", "remote.origin.promisor", "true"])
                self._local(["config", "remote.origin.partialCloneFilter", "blob:none"])
            form.write_text(wanted, "utf-8")
        self._write_config()
        # Remove leftovers of a killed reading; the lock ensures that none is running.
        for pattern in ("*.lock", "tmp_*", ".tmp-*", "gc.pid"):
            for left in self.folder.rglob(pattern):
                left.unlink(missing_ok=True)

    def _write_config(self) -> None:
        (self.folder / "quisait.config").write_text(_CONFIG, "utf-8")

    def _noted_before(self) -> str | None:
        """Return the tip before this update, or before an earlier one that was interrupted."""
        note = self.folder / _BEFORE
        noted = note.read_text("ascii") if note.exists() else ""
        if not _OID.fullmatch(noted):  # missing or incomplete
            noted = self._commit() or ""
            note.write_text(noted, "ascii")
        return noted or None

    def _commit(self) -> str | None:
        try:
            said = self._read_all(["rev-parse", "--verify", "--quiet", f"{_TIP}^{{commit}}"], 1000)
        except Damaged:
            return None
        commit = said.decode().strip()
        return commit if _OID.fullmatch(commit) else None

    def _is_ancestor(self, before: str, commit: str) -> bool:
        try:
            self._local(["merge-base", "--is-ancestor", before, commit])
        except Damaged:
            return False
        return True

    def _collect(self) -> None:
        self._local(["gc", "--quiet", "--prune=now"])

    def _default_branch(self) -> str:
        said = self._remote(["ls-remote", "--symref", "origin", "HEAD"])
        found = _DEFAULT.search(said.decode("utf-8", "replace"))
        if found is None:
            raise SourceRefused(
                f"{self.address} ne désigne aucune branche : il est vide, ou réglez « branch »."
            )
        try:
            # The server's name is validated like the settings' name.
            return GitOptions(url="x", branch=found[1]).branch
        except ValueError as error:
            raise SourceRefused(f"{self.address} désigne une branche au nom interdit.") from error

    def _fetch(self, wanted: Sequence[str]) -> None:
        """Fetch branches or objects. Raises `SourceUnreachable`, `SourceRefused`."""
        filtered = ["--filter=blob:none"] if self._light else []
        objects = bool(wanted) and _OID.fullmatch(wanted[0]) is not None
        self._remote(
            [
                *(["-c", "fetch.negotiationAlgorithm=noop"] if objects else []),
                *("fetch", "--quiet", "--no-tags", "--force", "--no-recurse-submodules"),
                *("--no-write-fetch-head", "--no-auto-maintenance", "--no-show-forced-updates"),
                *("--update-shallow",),
                *filtered,
                *("--stdin", "origin"),
            ],
            "".join(f"{one}\n" for one in wanted).encode(),
        )

    # ------------------------------------------------------------------ git

    def _environment(self, mailmap: str | None = None, *, remote: bool = False) -> dict[str, str]:
        settings = {"mailmap.blob": mailmap} if mailmap else {}
        options = self.options
        if remote and options.user:
            written = f"{options.user}:{self.password}".encode()
            # Sent to this URL only; in the environment, which other users cannot see.
            settings[f"http.{self.address}.extraHeader"] = (
                f"Authorization: Basic {b64encode(written).decode()}"
            )
        if remote and self._plain:
            settings[f"url.{self._plain.folder}.insteadOf"] = self.address
        if options.ca_file:
            settings["http.sslCAInfo"] = str(self.base / options.ca_file)
        ssh = ["ssh", "-oBatchMode=yes", "-oStrictHostKeyChecking=yes", "-oConnectTimeout=30"]
        ssh += ["-F/dev/null", "-oForwardAgent=no", "-oClearAllForwardings=yes"]
        if options.ssh_key_file:
            ssh += ["-oIdentitiesOnly=yes", f"-i{self.base / options.ssh_key_file}"]
        if options.known_hosts_file:
            ssh += [f"-oUserKnownHostsFile={self.base / options.known_hosts_file}"]
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder),
            "LC_ALL": "C",
            "GIT_DIR": str(self.folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(self.folder / "quisait.config"),
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            # A light copy fetches missing objects in `fetched` only, never implicitly.
            "GIT_ALLOW_PROTOCOL": options.scheme if remote else "none",
            "GIT_PROTOCOL_FROM_USER": "0",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_SSH_COMMAND": " ".join(map(shell_quote, ssh)),
            "GIT_SSH_VARIANT": "ssh",
            "GIT_CONFIG_COUNT": str(len(settings)),
            **{f"GIT_CONFIG_KEY_{n}": key for n, key in enumerate(settings)},
            **{f"GIT_CONFIG_VALUE_{n}": value for n, value in enumerate(settings.values())},
        }

    def _started(
        self,
        arguments: Sequence[str],
        environment: dict[str, str],
        stdin: int | None,
        stdout: int,
        stderr: int,
    ) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(  # noqa: S603 - no shell, no address or name that is an option
                ["git", *arguments],  # noqa: S607 - the machine\'s own
                cwd=self.folder,
                env=environment,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                pass_fds=self._plain.descriptors if self._plain else (),
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise SourceRefused("git n'est pas installé sur cette machine.") from error

    def _remote(self, arguments: Sequence[str], stdin: bytes = b"") -> bytes:
        """Ask the repository itself, within the time and the size that the settings give."""
        asked, said, complained = (self.folder / f"quisait.{n}" for n in ("in", "out", "err"))
        asked.write_bytes(stdin)
        with asked.open("rb") as source, said.open("wb") as out, complained.open("wb") as err:
            process = self._started(
                arguments,
                self._environment(remote=True),
                source.fileno(),
                out.fileno(),
                err.fileno(),
            )
            try:
                self._watch(process)
            finally:
                _end(process)
        if process.returncode:
            raise self._failure(complained.read_bytes()[-20_000:].decode("utf-8", "replace"))
        return said.read_bytes()[:_CHUNK_BYTES]

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self.options.timeout_s
        pause = 0.01
        while True:
            try:
                process.wait(pause)
            except subprocess.TimeoutExpired:
                pause = min(2 * pause, _WATCH_S)
            self._hold_size(process)
            if process.returncode is not None:
                return
            if time.monotonic() > deadline:
                raise SourceUnreachable(
                    f"{self.address} : la copie a pris plus de {self.options.timeout_s} s "
                    "(« timeout_s ») ; elle sera reprise plus tard."
                )

    def _hold_size(self, process: subprocess.Popen[bytes]) -> None:
        if _bytes_below(self.folder) > self.options.most_mib << 20:
            _end(process)  # before the removal: git would write files again
            shutil.rmtree(self.folder, ignore_errors=True)
            raise SourceRefused(
                f"{self.address} dépasse {self.options.most_mib} Mio : relevez « most_mib », ou "
                "réglez history = « light »."
            )

    def _failure(self, complaint: str) -> SourceError:
        lines = [line for line in complaint.splitlines() if line.startswith(("fatal:", "error:"))]
        reason = (lines[-1] if lines else "git a échoué")[:200]
        if _LOST_BRANCH.search(complaint):
            return SourceRefused(
                f"{self.address} n'a pas la branche réglée : corrigez « branch ». Ce qui est lu "
                "reste."
            )
        if _DAMAGED.search(complaint):
            self.forget()
        if _REFUSED.search(complaint):
            return SourceRefused(
                f"{self.address} refuse la lecture ({reason}) : vérifiez « url », le compte ou la "
                "clé, et qu'il peut lire ce dépôt."
            )
        return SourceUnreachable(f"{self.address} ne se lit pas ({reason}) ; relu plus tard.")

    def _local(self, arguments: Sequence[str]) -> None:
        self._read_all(arguments, _CHUNK_BYTES)

    def _read_all(
        self,
        arguments: Sequence[str],
        most_bytes: int,
        stdin: bytes = b"",
        mailmap: str | None = None,
    ) -> bytes:
        found = bytearray()
        for chunk in self._chunks(arguments, most_bytes, stdin, mailmap):
            found += chunk
        return bytes(found)

    def _tokens(self, arguments: Sequence[str], mailmap: str | None = None) -> Iterator[bytes]:
        return _cut(self._chunks(arguments, MOST_LOG_BYTES, b"", mailmap), b"\0")

    def _lines(self, arguments: Sequence[str]) -> Iterator[bytes]:
        return _cut(self._chunks(arguments, MOST_LOG_BYTES, b"", None), b"\n")

    def _chunks(
        self, arguments: Sequence[str], most_bytes: int, stdin: bytes, mailmap: str | None
    ) -> Iterator[bytes]:
        """Yield the output of a local command. Raises `Damaged`, `SourceUnreachable`."""
        reading, writing = os.pipe() if not stdin else (-1, -1)
        if stdin:
            # A file instead of a pipe, whose buffer may be too small for the input.
            asked = os.memfd_create("quisait")
            _write_all(asked, stdin)
            os.lseek(asked, 0, os.SEEK_SET)
            reading = asked
        else:
            os.close(writing)
        try:
            process = self._started(
                arguments, self._environment(mailmap), reading, subprocess.PIPE, subprocess.DEVNULL
            )
        finally:
            os.close(reading)
        late = Timer(_LOCAL_TIMEOUT_S, _end, (process,))
        late.daemon = True
        late.start()
        total = 0
        assert process.stdout  # noqa: S101 - a pipe was asked for
        try:
            while chunk := os.read(process.stdout.fileno(), _CHUNK_BYTES):
                total += len(chunk)
                if total > most_bytes:
                    raise Damaged("too long an answer")
                yield chunk
            if process.wait():
                raise Damaged(arguments[0])
        finally:
            late.cancel()
            _end(process)
            process.stdout.close()


LOG_FORMAT = "%x01%H%x1f%at%x1f%ct%x1f%aE%x1f%aN%x1f%(trailers:key=Co-authored-by,valueonly)"


def _cut(chunks: Iterator[bytes], end: bytes) -> Iterator[bytes]:
    left = bytearray()
    for chunk in chunks:
        first, *others = chunk.split(end)
        left += first
        for other in others:
            yield bytes(left)
            left = bytearray(other)
    if left:
        yield bytes(left)


def _write_all(descriptor: int, content: bytes) -> None:
    with os.fdopen(os.dup(descriptor), "wb") as out:
        out.write(content)


def _bytes_below(folder: Path) -> int:
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(f"{where}/{name}").st_size
            except OSError:
                continue  # git has just renamed or removed it
    return total


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and all processes that it started."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
