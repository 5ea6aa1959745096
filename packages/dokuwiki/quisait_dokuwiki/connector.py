"""Read the pages and files of a DokuWiki from its folders: `DokuWikiSource` shows the flow."""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote

from pydantic import Field

from connectors.contributions import Act, contributions_of
from connectors.file_patterns import parse_selection
from connectors.files import UnsafePath, read_contained
from connectors.html import HEADING_SEPARATOR
from connectors.installed import ConnectorKind, SourcePlace
from connectors.options import GroupPrincipals, Link, SourceOptions
from connectors.ports import (
    Listed,
    Malformed,
    RecordVanished,
    SourceRefused,
    SourceUnreachable,
    Unlisted,
)
from connectors.titles import title_of_path
from connectors.values import Access, Content, Contribution, ContributorRole, Document
from quisait_dokuwiki.markup import sections_of
from quisait_dokuwiki.rights import AccessRules, User, read_users

PAGE_END = ".txt"
_SEGMENT = re.compile(r"[^\s._\-:;/\\*?\"'<>|%\[\]#A-Z][^\s:;/\\*?\"'<>|%\[\]#A-Z]*")
"""A part of a page's name in DokuWiki's clean form; DokuWiki shows no page of another form."""
_ROLES = {"C": ContributorRole.AUTHOR, "E": ContributorRole.EDITOR, "R": ContributorRole.EDITOR}
"""Role by the type of a change; minor edits (e) do not count."""
_DELETED = "D"
_AUTHENTICATION = re.compile(r"(?m)^(?![^\S\n]*(?:#|//|\*)).*\bauthtype\b.*$")
_PLAIN = re.compile(r"""\s*\$conf\[['"]authtype['"]\]\s*=\s*['"]authplain['"]\s*;.*""")
"""Match the lines of settings about authentication, and the only such line that means the wiki's
own users.
"""


class DokuWikiOptions(SourceOptions):
    """The source's table `options` in quisait.toml."""

    path: str = Field(description="dossier des données (« data »), avec pages, media et meta")
    rules: str = Field(description="dossier des réglages (« conf »), avec acl.auth.php")
    link: Link = Field("", description="adresse du wiki, pour y mener : https://wiki.exemple/")
    groups: GroupPrincipals = Field({}, description="principal de chaque groupe du wiki")
    exclude: list[str] = Field([], description="pages et espaces laissés : « playground »")


class _Found(NamedTuple):
    """A file below `pages` or `media`.

    `path` starts at that folder; `parts` are the names of its namespaces and of the file.
    """

    path: str
    parts: tuple[str, ...]
    size: int
    changed_ns: int


@dataclass(slots=True)
class DokuWikiSource:
    """Lists the pages and files of a wiki's folders, with the readers that its rules admit."""

    source: str
    options: DokuWikiOptions
    data: Path
    conf: Path
    everybody: frozenset[str]
    _users: Mapping[str, User] = field(default_factory=dict)

    def roots(self) -> Sequence[Path]:
        """Return the folders of data and settings."""
        return (self.data, self.conf)

    def listing(self) -> Iterator[Listed | Unlisted | Malformed]:
        """Yield every page and file with its readers. Raises `SourceError`."""
        rules = self._rules()
        for group in sorted(rules.unknown):
            yield Malformed("acl.auth.php", f"{group} : « groups » ne dit pas quel groupe c'est")
        for folder in ("pages", "media"):
            for found in self._walk(folder, "", ()):
                yield self._listed(folder, found, rules) if isinstance(found, _Found) else found

    def read(self, listed: Listed) -> Document:
        """Return a page or a file as it is now. Raises `SourceError`."""
        folder, path, size, parts = listed.place
        name, changes = ":".join(parts), self._changes(folder, path)
        content = partial(self._bytes, f"{folder}/{path}")
        sections = sections_of(content().decode("utf-8", "replace")) if folder == "pages" else ()
        titles = [one.heading.partition(HEADING_SEPARATOR)[0] for one in sections[:1]]
        shown = "doku.php?id=" if folder == "pages" else "lib/exe/fetch.php?media="
        return Document(
            id=listed.id,
            source=self.source,
            title="".join(titles) or title_of_path(parts[-1]),
            access=listed.access or Access(),
            sections=sections,
            content=None if folder == "pages" else Content(parts[-1], content, None, size),
            url=f"{self.options.link}{shown}{quote(name, safe=':')}" if self.options.link else "",
            kind="page" if folder == "pages" else "document",
            space=":".join(parts[:-1]),
            created=changes[0].moment if changes else None,
            modified=changes[-1].moment if changes else None,
            contributions=self._contributions(changes) if folder == "pages" else (),
        )

    def rights(self, items: Sequence[Listed]) -> Mapping[str, Access]:
        """Return the readers that the wiki's rules now admit. Raises `SourceRefused`."""
        rules = self._rules()
        return {one.id: self._readers(rules, one.place[0], one.place[3]) for one in items}

    def left_out(self) -> Callable[[str], bool] | None:
        """Return whether the settings exclude a document."""
        selection = parse_selection((), self.options.exclude)

        def is_left_out(document_id: str) -> bool:
            name = document_id.removeprefix(f"{self.source}:")
            return not selection.takes(tuple(re.split("[:/]", name.removeprefix("media/"))))

        return is_left_out if self.options.exclude else None

    def check(self) -> Iterator[str]:
        """Yield a French sentence per group that no setting and no user of the wiki names."""
        unknown = sorted(self._rules().unknown)
        if unknown:
            yield f"groupes que « groups » ne nomme pas : {', '.join(unknown)} ; ils ne lisent rien"
        if not self.everybody:
            yield "@ALL n'ouvre rien : dites dans « allowed » qui lit ce que le wiki montre à tous"

    def _rules(self) -> AccessRules:
        """Return the wiki's rules as they are now. Raises `SourceRefused` if there are none."""
        try:
            written = (self.conf / "acl.auth.php").read_text("utf-8", "replace")
            names = ("dokuwiki.php", "local.php", "local.protected.php")
            settings = [self.conf / name for name in names]
            texts = [one.read_text("utf-8", "replace") for one in settings if one.exists()]
            named = _AUTHENTICATION.findall("\n".join(texts))
            users = self.conf / "users.auth.php"
            # Another way to sign in has other users and groups than this file.
            is_own = all(map(_PLAIN.fullmatch, named)) and users.exists()
            self._users = read_users(users.read_text("utf-8", "replace")) if is_own else {}
        except OSError as error:
            raise SourceRefused(
                f"{self.source} : acl.auth.php ne se lit pas : corrigez « rules », ou donnez au "
                "compte qui lance quisait le droit de le lire."
            ) from error
        rules = AccessRules(self.source, self.everybody, self.options.groups, self._users)
        rules.add(written)
        return rules

    def _walk(
        self, folder: str, path: str, parts: tuple[str, ...]
    ) -> Iterator[_Found | Unlisted | Malformed]:
        """Yield what lies below a folder, in the order of names; links are not followed."""
        selection = parse_selection((), self.options.exclude)
        try:
            entries = sorted(os.scandir(self.data / folder / path), key=lambda one: one.name)
        except OSError as error:
            if not path:
                raise SourceUnreachable(
                    f"{self.source} : le dossier « {folder} » de « path » ne se lit pas."
                ) from error
            yield Unlisted(self._id(folder, (*parts, "")), "ce dossier ne se lit pas")
            return
        for entry in entries:
            is_folder = entry.is_dir(follow_symlinks=False)
            ends = folder == "pages" and not is_folder
            name = unquote(entry.name.removesuffix(PAGE_END) if ends else entry.name)
            below, names = f"{path}{entry.name}", (*parts, name)
            if not _SEGMENT.fullmatch(name) or (ends and not entry.name.endswith(PAGE_END)):
                continue  # DokuWiki does not show it
            if is_folder and selection.enters(names):
                yield from self._walk(folder, f"{below}/", names)
            elif entry.is_file(follow_symlinks=False) and selection.takes(names):
                with suppress(FileNotFoundError):  # it was deleted since
                    status = entry.stat(follow_symlinks=False)
                    yield _Found(below, names, status.st_size, status.st_mtime_ns)

    def _listed(self, folder: str, found: _Found, rules: AccessRules) -> Listed:
        changed = ""
        with suppress(OSError):
            changes = (self.data / self._changes_path(folder, found.path)).stat()
            changed = f"{changes.st_size}:{changes.st_mtime_ns}"
        version = f"{found.size}:{found.changed_ns}:{changed}"
        place = [folder, found.path, found.size, list(found.parts)]
        name = self._id(folder, found.parts)
        return Listed(name, version.encode(), self._readers(rules, folder, found.parts), place)

    def _readers(self, rules: AccessRules, folder: str, parts: Sequence[str]) -> Access:
        """Return the readers of a page, or of a file, which has those of its namespace."""
        return rules.readers(":".join(parts if folder == "pages" else (*parts[:-1], "*")))

    def _id(self, folder: str, parts: tuple[str, ...]) -> str:
        """Return the id of a page or of a file."""
        name = ":".join(parts) if folder == "pages" else f"media/{'/'.join(parts)}"
        return f"{self.source}:{name}"

    def _bytes(self, path: str) -> bytes:
        try:
            return read_contained(self.data, path)
        except UnsafePath as error:
            raise RecordVanished("ce fichier n'en est plus un") from error

    def _changes_path(self, folder: str, path: str) -> str:
        return (
            f"{'meta' if folder == 'pages' else 'media_meta'}/{path.removesuffix(PAGE_END)}.changes"
        )

    def _changes(self, folder: str, path: str) -> list["_Change"]:
        """Return the changes since the page or file was last deleted, the oldest first."""
        try:
            written = self._bytes(self._changes_path(folder, path)).decode("utf-8", "replace")
        except RecordVanished:
            return []
        changes: list[_Change] = []
        for line in written.split("\n"):
            # date, address, type, name, user, summary…
            moment, _, what, _, login, *_ = [*line.split("\t"), *[""] * 5]
            if what == _DELETED:
                changes.clear()
            elif moment.isdecimal() and len(moment) <= 10:
                changes.append(_Change(datetime.fromtimestamp(int(moment), UTC), what, login))
        return changes

    def _contributions(self, changes: list["_Change"]) -> tuple[Contribution, ...]:
        names = {login: user.name for login, user in self._users.items()}
        return contributions_of(
            Act(f"{self.source}:{login}", _ROLES[kind], names.get(login, ""), moment)
            for moment, kind, login in changes
            if login and kind in _ROLES
        )


class _Change(NamedTuple):
    moment: datetime
    type: str
    login: str


def open_dokuwiki(place: SourcePlace, options: DokuWikiOptions) -> DokuWikiSource:
    """Return the source; nothing is read yet."""
    data, conf = place.folder / options.path, place.folder / options.rules
    return DokuWikiSource(place.source, options, data, conf, place.default_access.allowed)


KIND = ConnectorKind(
    "DokuWiki",
    DokuWikiOptions,
    open_dokuwiki,
    about="Les pages et les fichiers d'un DokuWiki, lus dans ses dossiers. Ils sont lus par ceux "
    "que ses propres règles (acl.auth.php) admettent.",
    credential="",
)
