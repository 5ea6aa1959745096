"""Read a branch of a git repository: `GitSource.listing` shows the flow."""

import posixpath
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from connectors.digests import digest_of
from connectors.folder.documents import ReadFile, described, ruled_document
from connectors.folder.rules import (
    Rule,
    RuleTable,
    access_by_rule,
    is_skipped,
    read_outside_table,
    rule_and_ignored,
    tables_digest,
)
from connectors.installed import ConnectorKind, SourcePlace
from connectors.ports import (
    Listed,
    Malformed,
    RecordVanished,
    SourceError,
    SourceUnreachable,
    Unlisted,
)
from connectors.titles import title_of_path
from connectors.values import Access, Content, Contribution, Document, EvidencePolicy
from quisait_git.history import PageHistory, histories
from quisait_git.local import git_folder
from quisait_git.options import GitOptions
from quisait_git.repository import Blob, Damaged, RepositoryCopy, Tip

_DIGEST_BYTES = 8
_POINTER_BYTES = 1024
"""Maximum bytes of a git-lfs pointer, a small file that refers to content stored elsewhere."""
_SMALL_AT_ONCE = 5_000
_POINTER = b"version https://git-lfs.github.com/spec/"
_MAILMAP, _IGNORED = b".mailmap", b".git-blame-ignore-revs"
_LISTED = frozenset({_MAILMAP, _IGNORED})
_MOST_LISTED_BYTES = 1 << 20
_FILE_MODES = frozenset({"100644", "100755", "100664"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@dataclass(frozen=True, slots=True)
class BranchPage:
    """A selected file of the branch; `path` is in NFC, `raw` is the path in git."""

    path: str
    raw: bytes
    oid: str
    size: int


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch as it is now: its pages by path, and problems.

    `mailmap` and `ignored` are the git objects of special files; `passed_over` is the number of
    links and submodules.
    """

    tip: Tip
    pages: dict[str, BranchPage]
    problems: tuple[Malformed, ...]
    mailmap: str | None
    ignored: str | None
    passed_over: int


@dataclass(slots=True)
class GitSource:
    """Lists the selected files of one branch. `folder` is the base of paths in the settings."""

    source: str
    options: GitOptions
    default_access: Access
    folder: Path
    password: str = field(default="", repr=False)
    _looked: tuple[RepositoryCopy, Branch] | None = field(default=None, init=False)
    """The branch that was fetched for `fingerprint`, until it is listed."""
    _opened: tuple[RepositoryCopy, Tip, tuple[RuleTable, ...]] = field(init=False)

    def fingerprint(self) -> str | None:
        """Fetch the branch; return a digest of its commit, the settings and the rules."""
        try:
            self._looked = self._look()
        except SourceError:
            return None  # `listing` removes readers first, then raises it
        tip, (tables, _) = self._looked[1].tip, self._rules()
        settings = self.options.model_dump_json(exclude={"work", "timeout_s", "most_mib"})
        readers = sorted(self.default_access.allowed)
        return digest_of(
            [tip.commit, tip.branch, settings, tables_digest(tables), *readers], _DIGEST_BYTES
        ).hex()

    def listing(self) -> Iterator[Listed | Unlisted | Malformed]:
        """Yield the pages of the branch. Raises `SourceError`."""
        looked, self._looked = self._looked, None
        tables, said = self._rules()
        yield from said
        try:
            repository, branch = looked or self._look()
        except SourceError:
            yield from self._narrowed(self._repository(), tables)
            raise
        yield from branch.problems
        self._opened = repository, branch.tip, tables
        for page, history in self._histories(repository, branch):
            made = self._document(repository, branch.tip, page, history, tables)
            yield Listed(made.id, described(made).encode(), made.access, (page, history))

    def read(self, listed: Listed) -> Document:
        """Return a page of the branch that was listed."""
        repository, tip, tables = self._opened
        page, history = listed.place
        return self._document(repository, tip, page, history, tables)

    def rights(self, items: Sequence[Listed]) -> Mapping[str, Access]:
        """Return the readers that the table of rules now admits; a commit's text never changes."""
        tables, _ = self._rules()
        return {one.id: self._ruled(tables, one.place[0].path)[1] for one in items}

    def left_out(self) -> Callable[[str], bool] | None:
        """Return whether the settings exclude a document."""
        return self.options.selection.left_out(self.source)

    def check(self) -> Iterator[str]:
        """Yield a French sentence per problem: skipped files, missing readers.

        Raises `SourceError`.
        """
        repository = self._repository()
        branch = self._branch(repository)
        if self.options.scheme == "http" and self.options.user:
            yield "le mot de passe part en clair : réglez « url » en https://"
        tables, said = self._rules()
        yield from (f"{one.where} : {one.reason}" for one in (*said, *branch.problems))
        if not branch.pages:
            yield f"la branche « {branch.tip.branch} » n'a aucun fichier que « include » nomme"
        readable = (self._ruled(tables, path)[1].allowed for path in branch.pages)
        if branch.pages and not any(readable):
            yield "ni « allowed » ni « rules » ne nomme de lecteur : personne ne lira ces pages"
        if repository.boundary():
            yield (
                "le dépôt n'a pas toute son histoire (copie « shallow ») : ce qui date d'avant n'a "
                "pas d'auteur"
            )
        if branch.passed_over:
            yield (
                f"{branch.passed_over} liens symboliques ou sous-modules ne sont pas lus : un "
                "sous-module est une autre source"
            )

    def roots(self) -> Sequence[Path]:
        """Return the repository's folder, if it is on this machine."""
        if self.options.scheme != "file":
            return ()
        address = self.options.url
        path = unquote(urlsplit(address).path) if "://" in address else address
        return (self.folder / path,)

    def _repository(self) -> RepositoryCopy:
        address = self.options.url
        for root in self.roots():
            address = str(git_folder(root))
        name = re.sub(r"[^\w-]", "_", self.source)
        copy = (self.folder / self.options.work).absolute() / f"{name}.git"
        return RepositoryCopy(copy, address, self.options, self.folder, self.password)

    def _rules(self) -> tuple[tuple[RuleTable, ...], tuple[Malformed, ...]]:
        """Return the table of rules and its problems; an unreadable table admits nobody."""
        if not self.options.rules:
            return (), ()
        path = self.folder / self.options.rules
        table, problems = read_outside_table(path, self.options.rules)
        return (table,), problems

    def _narrowed(
        self, repository: RepositoryCopy, tables: tuple[RuleTable, ...]
    ) -> Iterator[Listed | Unlisted]:
        """Yield the current readers of the copy's pages: some may have lost a right."""
        tip = repository.kept()
        if tip is None:
            yield Unlisted(f"{self.source}:")
            return
        try:
            for blob in repository.blobs(tip):
                path, reason = _readable_path(blob.path)
                if not reason:
                    yield Listed(f"{self.source}:{path}", None, self._ruled(tables, path)[1])
        except Damaged:
            yield Unlisted(f"{self.source}:")

    def _look(self) -> tuple[RepositoryCopy, Branch]:
        repository = self._repository()
        return repository, self._branch(repository)

    def _branch(self, repository: RepositoryCopy) -> Branch:
        try:
            return self._listed(repository, repository.update())
        except Damaged as error:
            raise _damaged(repository) from error

    def _listed(self, repository: RepositoryCopy, tip: Tip) -> Branch:
        selection = self.options.selection
        taken: dict[str, Blob] = {}
        problems: list[Malformed] = []
        listed: dict[bytes, Blob] = {}
        passed_over = 0
        for blob in repository.blobs(tip):
            if blob.path in _LISTED and blob.mode in _FILE_MODES:
                listed[blob.path] = blob
            path, reason = _readable_path(blob.path)
            parts = tuple(path.split("/"))
            hidden = any(is_skipped(part) for part in parts if part not in (".", ".."))
            if hidden or not selection.takes(parts):
                continue
            if blob.mode not in _FILE_MODES:
                passed_over += 1
            elif reason or path in taken:
                reason = reason or "un autre fichier porte le même nom"
                problems.append(Malformed(path, reason))
            else:
                taken[path] = blob
        wanted = {blob.oid for blob in (*taken.values(), *listed.values())}
        sizes = repository.fetched(wanted)
        pages, refused = self._readable(repository, taken, sizes)
        problems += refused
        oids = {}
        for name, blob in listed.items():
            size = sizes.get(blob.oid) if blob.size is None else blob.size
            if size is None:
                raise Damaged("an object is missing")
            if size <= _MOST_LISTED_BYTES:
                oids[name] = blob.oid
            else:
                problems.append(Malformed(name.decode(), "plus de 1 Mio : il ne compte pas"))
        return Branch(
            tip, pages, tuple(problems), oids.get(_MAILMAP), oids.get(_IGNORED), passed_over
        )

    def _readable(
        self, repository: RepositoryCopy, taken: dict[str, Blob], sizes: dict[str, int]
    ) -> tuple[dict[str, BranchPage], list[Malformed]]:
        """Return the files whose text is in the repository, by path, and reports of the others."""
        problems = []
        pages: dict[str, BranchPage] = {}
        for path, blob in taken.items():
            size = sizes.get(blob.oid) if blob.size is None else blob.size
            if size is None:  # skipping the page would delete it
                raise Damaged("an object is missing")
            pages[path] = BranchPage(path, blob.path, blob.oid, size)
        small = sorted({one.oid for one in pages.values() if one.size <= _POINTER_BYTES})
        pointers: set[str] = set()
        for start in range(0, len(small), _SMALL_AT_ONCE):  # in batches, to bound memory
            contents = repository.read_small(small[start : start + _SMALL_AT_ONCE])
            pointers |= {oid for oid, one in contents.items() if one.startswith(_POINTER)}
        most = self.options.most_file_mib << 20
        for path, page in list(pages.items()):
            reason = ""
            if page.size > most:
                reason = f"plus de {self.options.most_file_mib} Mio (« most_file_mib »)"
            elif page.oid in pointers:
                reason = "le fichier est gardé hors du dépôt (git-lfs) : il n'est pas lu"
            if reason:
                problems.append(Malformed(path, reason))
                del pages[path]
        return pages, problems

    def _histories(
        self, repository: RepositoryCopy, branch: Branch
    ) -> Iterator[tuple[BranchPage, PageHistory]]:
        """Yield the pages of the branch with their commits, in the order of their paths."""
        try:
            ignored = repository.read(branch.ignored, _MOST_LISTED_BYTES) if branch.ignored else b""
            written = histories(
                repository.log(branch.tip, branch.mailmap),
                [page.raw for page in branch.pages.values()],
                ignored=repository.boundary()
                | frozenset(_COMMIT.findall(ignored.decode("utf-8", "replace"))),
                bulk=self.options.bulk,
                mapped=partial(repository.mapped, mailmap=branch.mailmap),
                now=datetime.now(UTC),
            )
        except (Damaged, RecordVanished) as error:
            raise _damaged(repository) from error
        return ((page, written[page.raw]) for _, page in sorted(branch.pages.items()))

    def _document(
        self,
        repository: RepositoryCopy,
        tip: Tip,
        page: BranchPage,
        history: PageHistory,
        tables: tuple[RuleTable, ...],
    ) -> Document:
        most = self.options.most_file_mib << 20
        written = history.contributions(self.source, self._counts)
        rule, access = self._ruled(tables, page.path)
        content = Content(
            posixpath.basename(page.path),
            partial(repository.read, page.oid, most),
            None,
            page.size,
            title_of_path(page.path),
        )
        version = f"{page.oid}:{_digest(written)}"
        file = ReadFile(page.path, content, history.last, "", version)
        made = ruled_document(self.source, file, rule, access)
        return replace(
            made,
            url=made.url or self.options.page_url(page.path, tip.branch),
            created=made.created or history.first,
            evidence=EvidencePolicy.NONE if self.options.evidence == "none" else made.evidence,
            contributions=made.contributions or written,
        )

    def _counts(self, mail: str) -> bool:
        domains = {one.lower().lstrip("@") for one in self.options.domains}
        return not domains or mail.rpartition("@")[2] in domains

    def _ruled(self, tables: tuple[RuleTable, ...], path: str) -> tuple[Rule | None, Access]:
        rule, _ = rule_and_ignored(tuple(path.split("/")), tables)
        return rule, access_by_rule(rule, self.default_access)


def _readable_path(raw: bytes) -> tuple[str, str]:
    """Return a path as used in ids, and a French reason if it cannot be used."""
    try:
        path = unicodedata.normalize("NFC", raw.decode())
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace"), "ce nom ne se lit pas (il n'est pas en UTF-8)"
    if _CONTROL.search(path):
        return _CONTROL.sub("\ufffd", path), "ce nom contient un caractère de commande"
    if any(part in ("", ".", "..") for part in path.split("/")):
        return path, "ce chemin sort du dépôt"
    return path, ""


def _digest(contributions: tuple[Contribution, ...]) -> str:
    return digest_of(map(repr, contributions), _DIGEST_BYTES).hex()


def _damaged(repository: RepositoryCopy) -> SourceUnreachable:
    repository.forget()
    return SourceUnreachable(
        f"La copie de {repository.address} ne se lit pas : elle sera refaite à la prochaine "
        "lecture."
    )


def open_git(place: SourcePlace, options: GitOptions) -> GitSource:
    """Return the connector of one source; no request is sent yet."""
    password = place.password() if options.user else ""
    return GitSource(place.source, options, place.default_access, place.folder, password)


KIND = ConnectorKind(
    "dépôt git",
    GitOptions,
    open_git,
    about="Les pages d'une branche d'un dépôt git, ou du wiki d'une forge. Elles sont lues par "
    "ceux que vous dites, dossier par dossier s'il le faut.",
    credential="le mot de passe ou le jeton du compte qui lit",
)
