"""What an administrator's page may not name when it adds a source: hosts, paths, secrets.

The input of a page comes from the holder of a role, who need not administer the machine
(docs/menaces.md). So a host must be one of `[desk] hosts`, a secret's file must be named after its
source, and a path must not belong to the system or to quisait. Commands have none of these limits.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.installed import installed_connectors, load_kind
from connectors.ports import SourceRefused
from quisait.settings import SECRETS_FOLDER, Settings, beside_file, secrets_folder, settings_file
from quisait.settings.sources import options_in_place
from quisait_desk.settings import DeskSettings
from quisait_desk.settings_addition import sources_in_file
from quisait_desk.source_forms import OPTIONS, PASSWORD_FILE, KindForm
from quisait_desk.trial_child import WORK
from quisait_desk.values import Entered

_SYSTEM = ("/boot", "/dev", "/etc", "/proc", "/run", "/sys", "/var/lib", "/var/log", "/usr")
_PATH_NAMES = frozenset({"path", "members", "folder", "file", "database", "rules"})
"""Settings with a path of this machine; beside an address, `folder` is one on its server."""
_KEY_FILE = re.compile(r"(.*_)?(password|passwd|secret|token|key)_file|(.*_)?keytab")
"""Settings with the path of a secret."""
_REMOTE = re.compile(r"[\w.-]+://.*|([\w.-]+@)?[A-Za-z0-9][\w.-]*:[^:\s]\S*", re.DOTALL)
"""Matches the address of a git repository, also in git's short form; other texts may be paths."""
_ADDRESS = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9+.-]*://)?(?P<host>[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?"
    r"(?:[/?#][^\\\x00-\x1f\x7f]*)?"
)
"""Matches an address or a host name in a form in which all HTTP clients find the same host."""
_SHORT_ADDRESS = re.compile(r"(?:[\w.-]+@)?(?P<host>[A-Za-z0-9][A-Za-z0-9_.-]*):[^:\s\\]+")
"""Matches git's short form of an SSH address (`user@host:path`)."""


@dataclass(frozen=True, slots=True)
class PageLimits:
    """The limits of pages. Each refusal is a French sentence, empty if there is none."""

    settings: Settings

    def faults(self, kind: KindForm, entered: Entered) -> Iterator[tuple[str, str]]:
        """Yield (field, refusal) of paths, hosts and secrets that a page may not use."""
        name, copies = entered.get("name", "").strip(), f"{OPTIONS}{WORK}"
        default = next((str(one.field.default) for one in kind.fields if one.key == copies), "")
        for key, text in entered.items():
            setting, typed = key.rpartition(".")[2], text.strip()
            fault = ""
            if typed and _is_path(key, entered):
                fault = self.path_fault(typed)
            elif typed and setting != "link" and (no_host := self._host_fault(setting, typed)):
                fault = no_host
            elif (
                typed and _KEY_FILE.fullmatch(setting) and (kind.credential or key != PASSWORD_FILE)
            ):
                fault = self.secret_fault(name, typed)
            elif key == copies and typed != default:
                fault = "Une page ne choisit pas où quisait écrit : laissez ce qui y était."
            if fault:
                yield key, fault

    def repository_faults(self, kind: KindForm, entered: Entered) -> Iterator[tuple[str, str]]:
        """Yield (field, reason in French) for each git repository that a page may not add.

        Refused are repositories on this machine outside the allowed folders, and SSH addresses
        without a key, because git would use the service's own key.
        """
        for key, text in entered.items():
            typed = text.strip()
            if typed and key.rpartition(".")[2] == "url" and _is_local(typed):
                if fault := self.path_fault(typed):
                    yield key, fault
                elif not self.settings.table(DeskSettings).folders:
                    yield key, "Le bureau ne lit de dépôt de cette machine que dans [desk] folders."
        ssh_key = f"{OPTIONS}ssh_key_file"
        has_key = any(one.key == ssh_key for one in kind.fields)
        address = entered.get(f"{OPTIONS}url", "").strip()
        by_ssh = address.lower().startswith("ssh:") or "://" not in address
        by_ssh &= bool(_REMOTE.fullmatch(address))
        if has_key and by_ssh and not entered.get(ssh_key, "").strip():
            yield (
                ssh_key,
                "Donnez la clé de cette source : sans elle, celles du compte de quisait "
                f"serviraient. Elle se met dans le dossier « {SECRETS_FOLDER} ».",
            )

    def path_fault(self, typed: str) -> str:
        """Return why a page may not use a path."""
        if "\0" in typed or "://" in typed or typed.lower().startswith("file:"):
            return (
                "Donnez le chemin d’un dossier ou d’un fichier de cette machine, pas une adresse."
            )
        path = beside_file(typed)
        if any(_overlap(path, own) for own in self._own_paths()):
            return (
                f"{path} contient des fichiers de quisait (réglages, secrets ou index), ou en fait "
                "partie : choisissez un dossier qui ne tient que des documents."
            )
        if allowed := self.folders():
            if not any(path.is_relative_to(one) for one in allowed):
                told = ", ".join(map(str, allowed))
                return f"Le bureau ne prend de source que dans {told} ([desk] folders)."
        elif any(part.startswith(".") for part in path.parts):
            return "Un dossier caché n’est pas une source : choisissez-en un autre."
        elif any(_overlap(path, Path(one)) for one in _SYSTEM):
            return f"{path} est un dossier du système, ou en contient un, et n’est pas une source."
        # A trial would show the documents of another source to those who may not read them.
        for table in self._tables():
            if any(_overlap(path, beside_file(one)) for one in _paths_of(table)):
                return (
                    f"La source « {table['name']} » lit déjà ce dossier ou ce fichier, ou une "
                    "partie, avec ses propres lecteurs : choisissez-en un autre, ou changez cette "
                    "source dans quisait.toml."
                )
        return ""

    def folders(self) -> list[Path]:
        """Return the folders that sources of pages must be in; empty if none are named."""
        folders = self.settings.table(DeskSettings).folders
        if not folders and self.settings.server.reader == "demo":
            folders = [""]  # beside the settings' file: in a demo anybody is an administrator
        return [beside_file(one) for one in folders]

    def secret_fault(self, name: str, file: str) -> str:
        """Return why a page may not use a file as the secret of the source `name`.

        Pages accept only files of the folder `secrets` beside the settings' file. A secret belongs
        to one source, and its file has the source's name: any other file could be sent to an
        address that the page's user chose.
        """
        if not file.isprintable():
            return "Donnez le nom d’un fichier."
        folder, path = beside_file(SECRETS_FOLDER), beside_file(file)
        if any(beside_file(one) == path for table in self._tables() for one in _secrets_of(table)):
            return "Ce fichier est celui d’une autre source : donnez-en un à celle-ci."
        own = {"database", "database_password", *Settings.model_fields}
        of_source = path.parent == folder and path.name.partition(".")[0] == name
        if not of_source or "__" in path.name or path.name in own:
            return (
                f"Donnez le fichier de cette source dans le dossier « {SECRETS_FOLDER} », qui est "
                f"à côté de quisait.toml : « {SECRETS_FOLDER}/{name} », ou "
                f"« {SECRETS_FOLDER}/{name}.cle »."
            )
        return ""

    def _host_fault(self, setting: str, typed: str) -> str:
        """Return why a page may not reach the hosts that a setting names."""
        if setting.endswith(("url", "host")):
            addresses = [] if _is_local(typed) and setting == "url" else [typed]
        else:
            addresses = [one for one in typed.split() if "://" in one]
        for address in addresses:
            found = _ADDRESS.fullmatch(address) or _SHORT_ADDRESS.fullmatch(address)
            if not found:
                return "Donnez une adresse simple, comme https://hote.exemple.fr/chemin."
            host = found["host"].strip("[]").lower()
            if not any(
                host == allowed or (allowed.startswith("*.") and host.endswith(allowed[1:]))
                for allowed in self.settings.table(DeskSettings).hosts
            ):
                return (
                    f"Le bureau ne lit pas de source sur {host} : qui administre la machine peut "
                    "l’ajouter à [desk] hosts."
                )
        return ""

    def _own_paths(self) -> Iterator[Path]:
        """Yield files and folders that no source may contain."""
        yield settings_file().resolve()
        yield beside_file(SECRETS_FOLDER)
        yield beside_file(self.settings.folder)
        yield beside_file(self.settings.privacy.register_file)
        if folder := secrets_folder():
            yield folder.resolve()
        for table in self._tables():
            yield from map(beside_file, _secrets_of(table))
            if copies := _copies_of(table):
                yield beside_file(copies)

    def _tables(self) -> list[Mapping[str, Any]]:
        """Return this process's sources, and those written to the file since it started."""
        return [*(one.model_dump() for one in self.settings.sources), *_written_tables()]


def _written_tables() -> Iterator[Mapping[str, Any]]:
    """Yield the sources of the settings' file, with their options in place if that is possible."""
    for table in sources_in_file():
        try:
            yield options_in_place(table)
        except ValueError:  # not a source that quisait reads, but its paths are taken
            yield table


def _is_local(address: str) -> bool:
    """Return whether an address is a path of this machine."""
    return address.lower().startswith("file:") or not _REMOTE.fullmatch(address)


def _is_path(key: str, beside: Collection[str]) -> bool:
    """Return whether a setting is a path of this machine, by its name and those beside it."""
    start, dot, last = key.rpartition(".")
    remote = last == "folder" and any(f"{start}{dot}{one}" in beside for one in ("url", "host"))
    return last in _PATH_NAMES and not remote


def _paths_of(table: Mapping[str, Any]) -> Iterator[str]:
    """Yield the paths of this machine that a source reads."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _paths_of(value)
        elif isinstance(value, str) and value and "\0" not in value:
            local = key == "url" and _is_local(value)
            if local or _is_path(key, table):
                yield value


def _secrets_of(table: Mapping[str, Any]) -> Iterator[str]:
    """Yield the files of a source's secrets."""
    for key, value in table.items():
        if key == "file_hosts" and isinstance(value, dict):
            yield from filter(None, map(str, value.values()))
        elif isinstance(value, dict):
            yield from _secrets_of(value)
        elif isinstance(value, str) and value and _KEY_FILE.fullmatch(key):
            yield value


def _copies_of(table: Mapping[str, Any]) -> str:
    """Return the folder in which a source stores copies; empty if it stores none."""
    if table["kind"] not in installed_connectors():
        return ""
    try:
        field = load_kind(table["kind"]).options.model_fields.get(WORK)
    except SourceRefused:
        return ""
    options = table.get("options")
    given = options.get(WORK) if isinstance(options, dict) else None
    return str(given or field.default) if field else ""


def _overlap(one: Path, other: Path) -> bool:
    """Return whether one path is or contains the other, even through links or mounts."""
    if one.is_relative_to(other) or other.is_relative_to(one):
        return True
    mine, others = _lineage(one), _lineage(other)
    return bool((mine[:1] and mine[0] in others) or (others[:1] and others[0] in mine))


def _lineage(path: Path) -> list[tuple[int, int]]:
    """Return (device, inode) of a path and of the folders above it.

    Empty if the path does not exist: nothing is read from it then.
    """
    try:
        found = [one.stat() for one in (path, *path.parents)]
    except OSError:
        return []
    return [(one.st_dev, one.st_ino) for one in found]
