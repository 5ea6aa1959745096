"""Add a source step by step: its form, its trial, its table in the settings.

The administrators' pages and `quisait source` use the same `DeskSources`. The input of a page comes
from the holder of a role, who need not administer the machine. So a host must be one of `[desk]
hosts`, a secret's file must be named after its source, and a path must not belong to the system or
to quisait (docs/menaces.md).
"""

import os
import re
import shlex
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from connectors.installed import installed_connectors, load_kind
from connectors.ports import SourceRefused
from connectors.values import EVERYONE
from expertise.directory import SqlDirectory
from indexer.access import PrincipalLookup
from indexer.state import State
from quisait.clock import today
from quisait.settings import (
    SECRETS_FOLDER,
    Settings,
    beside_file,
    secrets_folder,
    settings_file,
)
from quisait.settings.files import OTHERS_READ_OR_WRITE, account
from quisait.settings.sources import BUILT_IN_KINDS, SourceSettings, password_variable
from quisait.settings.types import faults_by_place
from quisait.work.added_sources import needs_restart
from quisait.work.settings_addition import (
    add_table,
    names_in_file,
    source_table,
    sources_in_file,
    why_locked,
)
from quisait.work.source_forms import (
    OPTIONS,
    KindForm,
    asked_fields,
    key_of,
    kind_form,
    offered_kinds,
    typed_values,
)
from quisait.work.trial_child import TIME_LIMIT_S, WORK, tried_apart
from search_api.new_source.values import (
    Entered,
    KindOffered,
    SecretFile,
    SettingsAddition,
    SourceField,
    SourceForm,
    SourceIncomplete,
    SourceStep,
    SourceTrial,
)
from search_api.wording import day, plural

MORE = "more"
"""Name of the form field that contains the table to which a row is added; it is not stored."""
PASSWORD_FILE = "password_file"  # noqa: S105 - the name of a setting
SUGGESTED_GROUPS = 30
SUGGESTED_FOLDERS = 10
_SYSTEM = ("/boot", "/dev", "/etc", "/proc", "/run", "/sys", "/var/lib", "/var/log", "/usr")
_PATH_NAMES = frozenset({"path", "members", "folder", "file", "database", "rules"})
"""Settings with a path of this machine; beside an address, `folder` is one on its server."""
_KEY_FILE = re.compile(r"(.*_)?(password|passwd|secret|token|key)_file|(.*_)?keytab")
"""Settings with the path of a secret."""
_REMOTE = re.compile(r"[\w.-]+://.*|([\w.-]+@)?[A-Za-z0-9][\w.-]*:[^:\s]\S*", re.DOTALL)
"""An address, or git's short form of one; any other text may be a path."""
_ADDRESS = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9+.-]*://)?(?P<host>[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?"
    r"(?:[/?#][^\\\x00-\x1f\x7f]*)?"
)
"""An address, or only a host, that every client parses in the same way."""
_SHORT_ADDRESS = re.compile(r"(?:[\w.-]+@)?(?P<host>[A-Za-z0-9][A-Za-z0-9_.-]*):[^:\s\\]+")
"""Git's short form of an SSH address."""
_WITH_ACCOUNT = re.compile(r"(?<=://)[^/@\s]*@")
_ACCOUNT_IN_ADDRESS = (
    "Un compte et son mot de passe ne s’écrivent pas dans une adresse : ils en ont été retirés. "
    "L’étape « Compte » dit où les donner."
)
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
_PRINCIPAL = re.compile(r"agent:\S.*|[^:\s]+:[^:\s]+:\S.*")
_QUOTED = re.compile(r"« (\w+) »")


@dataclass(frozen=True, slots=True)
class DeskSources:
    """Adapter of `NewSources`. `desk` is true for the pages, false for commands."""

    settings: Settings
    book: SqlDirectory
    known_now: Callable[[], PrincipalLookup] | None = None
    desk: bool = True
    read_soon: Callable[[str], None] | None = None

    def kinds(self) -> Sequence[KindOffered]:
        """See `NewSources`."""
        return offered_kinds()

    def form(self, step: SourceStep, entered: Entered, *, checked: bool) -> SourceForm:
        """See `NewSources`. An account that was typed in an address is not shown again."""
        shown = {key: _WITH_ACCOUNT.sub("", value) for key, value in entered.items()}
        if step is SourceStep.KIND or not entered.get("kind"):
            fault = "Choisissez une sorte de source." if checked else ""
            return SourceForm(
                SourceStep.KIND,
                tuple(SourceStep),
                None,
                "",
                (),
                (fault,) if fault else (),
                tuple((key, value) for key, value in shown.items() if key not in ("kind", MORE)),
            )
        kind = kind_form(entered["kind"])
        order = list(SourceStep)
        # A forged form may ask for a step that this kind does not have: take its next one.
        step = next(
            (one for one in order[order.index(step) :] if one in kind.steps), kind.steps[-1]
        )
        more = entered.get(MORE, "")
        faults = self._faults(kind, entered) if checked else {}
        fields = list(asked_fields(kind, step, shown, faults, more))
        if step is SourceStep.ACCOUNT and kind.credential:
            fields.append(self._password_field(kind, shown, faults))
        if step is SourceStep.READERS:
            fields = [self._with_groups(one) for one in fields]
        if step is SourceStep.PLACE and kind.offered.name == "folder":
            fields = [self._with_folders(one) for one in fields]
        own = {one.key for one in fields}
        general = [faults[""]] if "" in faults and step is kind.steps[-1] else []
        if step is SourceStep.PLACE and checked and kind.untypable:
            general.append(
                f"Cette sorte a un réglage secret ({', '.join(kind.untypable)}), qui ne se saisit "
                "pas dans une page : écrivez la source dans quisait.toml."
            )
        return SourceForm(
            step,
            kind.steps,
            kind.offered,
            entered.get("name", "").strip(),
            tuple(fields),
            tuple(general),
            tuple((key, one) for key, one in shown.items() if key not in own and key != MORE),
            self._secret(kind, shown) if step is SourceStep.ACCOUNT else None,
            tuple(one.key for one in kind.of_step(step) if one.rows is not None),
        )

    def first_fault(self, entered: Entered, until: SourceStep) -> SourceForm | None:
        """See `NewSources`."""
        try:
            kind = kind_form(entered.get("kind", ""))
        except KeyError:
            return self.form(SourceStep.KIND, {}, checked=True)
        except SourceRefused as error:
            first = self.form(SourceStep.KIND, {}, checked=False)
            return replace(first, faults=(str(error),))
        order = list(SourceStep)
        for step in kind.steps[1:]:
            if order.index(step) > order.index(until):
                break
            form = self.form(step, entered, checked=True)
            if form.wrong:
                return form
        return None

    def attempt(self, entered: Entered) -> SourceTrial:
        """See `NewSources`."""
        source = self._source(entered)
        if source.kind == "push":
            raise ValueError(
                "Une source poussée ne s’essaie pas : l’application y envoie ses documents. "
                "Écrivez-la, puis donnez un jeton à l’application."
            )
        if said := _missing_password(source):
            raise ValueError(said)
        most_s = self.settings.door.answer_s if self.desk else TIME_LIMIT_S
        return tried_apart(source, min(TIME_LIMIT_S, most_s))

    def addition(self, entered: Entered) -> SettingsAddition:
        """See `NewSources`."""
        source = self._source(entered)
        text = source_table(self._values(kind_form(source.kind), entered), day(today()))
        return SettingsAddition(
            text,
            str(settings_file().resolve()),
            self._locked(),
            next_steps=tuple(self._next_steps(source)),
        )

    def write(self, entered: Entered) -> SettingsAddition:
        """See `NewSources`."""
        added = self.addition(entered)
        if added.locked:
            raise ValueError(added.locked)
        source = self._source(entered)
        if self.read_soon and not needs_restart(source):
            self.read_soon(source.name)  # before the file: processes that see it take the source
        return replace(added, backup=str(add_table(added.text, datetime.now().astimezone())))

    def unread_sources(self) -> Sequence[str]:
        """See `NewSources`."""
        read = {one.name for one in self.settings.sources}
        return [name for name in names_in_file() if name not in read]

    def in_words(self, principals: Collection[str]) -> Mapping[str, str]:
        """See `NewSources`."""
        groups = self.book.group_sizes(principals)
        return {one: self._reader_in_words(one, groups) for one in principals}

    def authors_in_words(self, accounts: Collection[str]) -> Mapping[str, str]:
        """See `NewSources`."""
        found = self.book.by_account(accounts)
        return {
            one: found[one].name if one in found else f"{one.partition(':')[2]} (compte sans agent)"
            for one in accounts
        }

    def known(self) -> PrincipalLookup:
        """See `NewSources`. Commands do not need it, since they show every title."""
        assert self.known_now is not None  # noqa: S101 - pages pass it
        return self.known_now()

    def _reader_in_words(self, principal: str, groups: Mapping[str, int]) -> str:
        if principal == EVERYONE:
            return "tous les agents"
        authority, _, rest = principal.partition(":")
        kind, _, name = rest.partition(":")
        if authority == "agent":
            agent = self.book.agent(rest)
            return f"l’agent {agent.name}" if agent else f"l’agent {rest}, inconnu de l’annuaire"
        if kind == "account":
            joined = f"{authority}:{name}"
            owner = self.book.by_account([joined]).get(joined)
            who = owner.name if owner else "personne d’ici : aucun agent n’a ce compte"
            return f"le compte {name} ({who})"
        if principal in groups:
            told = "le groupe {group} ({num} agent)", "le groupe {group} ({num} agents)"
            return plural(*told, groups[principal], group=name or rest)
        return f"{principal}, que l’annuaire ne connaît pas : personne"

    def _locked(self) -> str:
        if self.desk and self.settings.server.reader == "demo":
            return "En démonstration, chacun choisit qui il est : rien n’est écrit."
        if self.desk and self.settings.desk.sources == "show":
            return "Le réglage [desk] sources le laisse à qui administre la machine."
        return why_locked()

    def _next_steps(self, source: SourceSettings) -> Iterator[str]:
        if source.password_file and not beside_file(source.password_file).is_file():
            yield f"Écrivez le mot de passe dans {beside_file(source.password_file)}."
        if needs_restart(source):
            yield (
                "Relancez quisait, pour qu’il lise ses réglages : « systemctl restart quisait », "
                "ou arrêtez et relancez « quisait run »."
            )
        if source.kind == "push":
            yield f"Donnez un jeton à l’application : quisait push token add {source.name}."
        elif not needs_restart(source):
            yield (
                "Écrite par cette page ou par « quisait source add », elle est lue aussitôt par "
                "« quisait run », sans le relancer. Collée à la main : relancez quisait."
            )

    def _values(self, kind: KindForm, entered: Entered) -> dict[str, Any]:
        """Return the source's table; it names the password's file if an account is used."""
        typed = typed_values(kind, entered)
        first = {"name": typed.pop("name", ""), "kind": kind.offered.name}
        options = typed.pop("options", {})
        asks_user = any(one.name == "user" for one in kind.fields)
        file = entered.get(PASSWORD_FILE, "").strip()
        if kind.credential and file and (not asks_user or {"user"} & {*typed, *options}):
            typed[PASSWORD_FILE] = file
        return {**first, **typed, **({"options": options} if options else {})}

    def _source(self, entered: Entered) -> SourceSettings:
        """Return the source's settings. Raises `SourceIncomplete`."""
        if wrong := self.first_fault(entered, SourceStep.OPTIONS):
            raise SourceIncomplete(wrong)
        return SourceSettings.model_validate(self._values(kind_form(entered["kind"]), entered))

    def _faults(self, kind: KindForm, entered: Entered) -> dict[str, str]:
        """Return the remedy for each faulty field; general faults are under ""."""
        found: dict[str, str] = {}
        refusals = (
            self._forbidden(kind, entered),
            self._refused(kind, entered),
            self._forbidden_address(kind, entered),
        )
        for key, said in (one for some in refusals for one in some):
            found.setdefault(key, _sentence(said))
        for one in kind.fields:
            if one.required and one.key in found and not entered.get(one.key, "").strip():
                found[one.key] = "À remplir : il n’y a pas de source sans cela."
        return found

    def _refused(self, kind: KindForm, entered: Entered) -> Iterator[tuple[str, str]]:
        """Yield (field, message) of values that the settings refuse."""
        values = self._values(kind, entered)
        try:
            SourceSettings.model_validate(values)
        except ValidationError as error:
            for place, said in faults_by_place(error):
                yield key_of(kind, place, entered, options=False), said
        if kind.offered.name in BUILT_IN_KINDS:
            return
        try:
            load_kind(kind.offered.name).options.model_validate(values.get("options", {}))
        except ValidationError as error:
            for place, said in faults_by_place(error):
                key = key_of(kind, place, entered, options=True)
                yield key or self._named_field(kind, said), said

    def _named_field(self, kind: KindForm, said: str) -> str:
        """Return the first field that a message names, empty if it names none."""
        keys = {one.name: one.key for one in kind.fields}
        return next((keys[name] for name in _QUOTED.findall(said) if name in keys), "")

    def _forbidden(self, kind: KindForm, entered: Entered) -> Iterator[tuple[str, str]]:
        """Yield (field, message) of names, paths and hosts that a page may not use."""
        yield from self._forbidden_name(entered.get("name", "").strip())
        for reader in typed_values(kind, entered).get("allowed", ()):
            if reader != EVERYONE and not _PRINCIPAL.fullmatch(reader):
                yield (
                    "allowed",
                    f"« {reader} » n’est pas un lecteur : écrivez « tous les agents », ou "
                    "l’identifiant d’un groupe, comme « annuaire:group:inspection ».",
                )
        for key, text in entered.items():
            last, typed = key.rpartition(".")[2], text.strip()
            said = ""
            if _WITH_ACCOUNT.search(typed):
                said = _ACCOUNT_IN_ADDRESS
            elif typed and _is_path(key, entered):
                said = self._forbidden_path(typed)
            elif typed and last != "link" and (no_host := self._forbidden_host(last, typed)):
                said = no_host
            elif typed and _KEY_FILE.fullmatch(last) and (kind.credential or key != PASSWORD_FILE):
                said = self._forbidden_secret(entered.get("name", "").strip(), typed)
            elif self.desk and key == f"{OPTIONS}{WORK}" and typed != _default(kind, key):
                said = "Une page ne choisit pas où quisait écrit : laissez ce qui y était."
            if said:
                yield key, said

    def _forbidden_address(self, kind: KindForm, entered: Entered) -> Iterator[tuple[str, str]]:
        """Yield (field, message) of local repositories that a page may not read.

        Also of SSH addresses without a key, for which the service's own key would be used.
        """
        for key, text in entered.items():
            if key.rpartition(".")[2] != "url" or not (typed := text.strip()):
                continue
            if _is_local(typed) and (said := self._forbidden_repository(typed)):
                yield key, said
        ssh_key = f"{OPTIONS}ssh_key_file"
        has_key = any(one.key == ssh_key for one in kind.fields)
        address = entered.get(f"{OPTIONS}url", "").strip()
        by_ssh = address.lower().startswith("ssh:") or "://" not in address
        by_ssh &= bool(_REMOTE.fullmatch(address))
        if self.desk and has_key and by_ssh and not entered.get(ssh_key, "").strip():
            yield (
                ssh_key,
                "Donnez la clé de cette source : sans elle, celles du compte de quisait "
                f"serviraient. Elle se met dans le dossier « {SECRETS_FOLDER} ».",
            )

    def _forbidden_name(self, name: str) -> Iterator[tuple[str, str]]:
        taken = {*names_in_file(), *(one.name for one in self.settings.sources)}
        if name in taken:
            yield "name", f"Une source s’appelle déjà « {name} » : choisissez un autre nom."
        # Both would get the same QUISAIT_PASSWORD_… variable.
        if any(one.replace("-", "_") == name.replace("-", "_") for one in taken):
            yield (
                "name",
                "Une autre source a ce nom, aux tirets près : elles auraient le même mot de passe. "
                "Choisissez un autre nom.",
            )
        if name == "questions":
            yield "name", "Ce nom est celui des questions posées ici : choisissez-en un autre."
        if name and not _NAME.fullmatch(name):
            yield (
                "name",
                "Écrivez un nom en minuscules sans accent, chiffres et tirets, sans espace, comme "
                "« notes ».",
            )

    def _forbidden_path(self, typed: str) -> str:
        """Return in French why a page may not use a path; empty if it may."""
        if not self.desk:
            return ""
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
        allowed = self._allowed_folders()
        if allowed:
            if not any(path.is_relative_to(one) for one in allowed):
                told = ", ".join(map(str, allowed))
                return f"Le bureau ne prend de source que dans {told} ([desk] folders)."
        elif any(part.startswith(".") for part in path.parts):
            return "Un dossier caché n’est pas une source : choisissez-en un autre."
        elif any(_overlap(path, Path(one)) for one in _SYSTEM):
            return f"{path} est un dossier du système, ou en contient un, et n’est pas une source."
        return self._read_already(path)

    def _allowed_folders(self) -> list[Path]:
        """Return the folders that sources of pages must be in; empty if none are named."""
        folders = self.settings.desk.folders
        if not folders and self.settings.server.reader == "demo":
            folders = [""]  # beside the settings' file: in a demo anybody is an administrator
        return [beside_file(one) for one in folders]

    def _forbidden_repository(self, typed: str) -> str:
        """Return in French why a page may not read a local repository; empty if it may."""
        said = self._forbidden_path(typed)
        if not said and self.desk and not self.settings.desk.folders:
            said = "Le bureau ne lit de dépôt de cette machine que dans [desk] folders."
        return said

    def _forbidden_host(self, setting: str, typed: str) -> str:
        """Return in French why a page may not reach a host; empty if it may or none is named."""
        if not self.desk:
            return ""
        if setting.endswith(("url", "host")):
            addresses = [] if _is_local(typed) and setting == "url" else [typed]
        else:
            addresses = [one for one in typed.split() if "://" in one]
        for one in addresses:
            host = _host_of(one)
            if not host:
                return "Donnez une adresse simple, comme https://hote.exemple.fr/chemin."
            if not any(_is_reached(host, allowed) for allowed in self.settings.desk.hosts):
                return (
                    f"Le bureau ne lit pas de source sur {host} : qui administre la machine peut "
                    "l’ajouter à [desk] hosts."
                )
        return ""

    def _read_already(self, path: Path) -> str:
        """Refuse a path that another source reads: a trial would show its documents."""
        for table in self._tables():
            if any(_overlap(path, beside_file(one)) for one in _paths_of(table)):
                return (
                    f"La source « {table['name']} » lit déjà ce dossier ou ce fichier, ou une "
                    "partie, avec ses propres lecteurs : choisissez-en un autre, ou changez cette "
                    "source dans quisait.toml."
                )
        return ""

    def _tables(self) -> list[Mapping[str, Any]]:
        """Return this process's sources, and those written to the file since it started."""
        return [*(one.model_dump() for one in self.settings.sources), *sources_in_file()]

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

    def _forbidden_secret(self, name: str, file: str) -> str:
        """Return in French why a page may not use a file as a secret; empty if it may.

        Pages accept only files of the folder `secrets` beside the settings' file. A secret belongs
        to one source, and its file has the source's name: any other file could be sent to an
        address that the page's user chose.
        """
        if not self.desk:
            return ""
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

    def _password_field(
        self, kind: KindForm, entered: Entered, faults: Mapping[str, str]
    ) -> SourceField:
        name = entered.get("name", "").strip()
        return SourceField(
            PASSWORD_FILE,
            "Fichier du mot de passe",
            f"Il tient {kind.credential}, qui ne se saisit jamais dans une page et n’entre pas "
            "dans les réglages. Vide : sans compte.",
            "text",
            entered.get(PASSWORD_FILE, f"{SECRETS_FOLDER}/{name}"),
            fault=faults.get(PASSWORD_FILE, ""),
        )

    def _secret(self, kind: KindForm, entered: Entered) -> SecretFile | None:
        if not kind.credential:
            return None
        name = entered.get("name", "").strip()
        typed = entered.get(PASSWORD_FILE, "").strip() or f"{SECRETS_FOLDER}/{name}"
        if self._forbidden_secret(name, typed):
            typed = f"{SECRETS_FOLDER}/{name}"
        path = beside_file(typed)
        state, well = _file_state(path)
        folder, file, own = shlex.quote(str(path.parent)), shlex.quote(str(path)), os.geteuid()
        inner = f"install -d -m 700 -o {own} {folder} && umask 077 && cat > {file}"
        inner = f"{inner} && chown {own} {file}"
        return SecretFile(
            str(path), kind.credential, f"sudo sh -c {shlex.quote(inner)}", state, well
        )

    def _with_folders(self, one: SourceField) -> SourceField:
        """Suggest folders that a trial may read now, so that examples work."""
        if one.key != "path" or not self.desk:
            return one
        roots = self._allowed_folders()
        within = (path for root in roots for path in (root, *sorted(root.glob("*/"))))
        readable = (
            str(path)
            for path in islice(within, 20 * SUGGESTED_FOLDERS)
            if not self._forbidden_path(str(path))
        )
        return replace(one, suggestions=tuple(islice(readable, SUGGESTED_FOLDERS)))

    def _with_groups(self, one: SourceField) -> SourceField:
        if one.key != "allowed":
            return one
        return replace(one, suggestions=self.book.largest_groups(SUGGESTED_GROUPS))


def open_sources_of_machine(settings: Settings, database: sa.Engine) -> DeskSources:
    """Return the sources for commands, without index or encoder."""
    soon = State(database).request_run
    return DeskSources(settings, SqlDirectory(database), desk=False, read_soon=soon)


def settings_keys(kind: KindForm) -> tuple[str, ...]:
    """Return the settings of a kind as commands name them: options have no prefix."""
    own = tuple(one.key.removeprefix(OPTIONS) for one in kind.fields)
    return (*own, PASSWORD_FILE) if kind.credential else own


def entered_by_command(kind_name: str, given: Sequence[str]) -> dict[str, str]:
    """Return a command's `réglage=valeur` arguments as entries of the form.

    A repeated setting gets one line per value. Raises `ValueError` with a sentence.
    """
    try:
        kind = kind_form(kind_name)
    except KeyError:
        known = ", ".join(one.name for one in offered_kinds())
        raise ValueError(f"Sorte de source inconnue : {kind_name}. Connues : {known}.") from None
    keys = {one.key.removeprefix(OPTIONS): one.key for one in kind.fields}
    keys[PASSWORD_FILE] = PASSWORD_FILE
    entered = {"kind": kind_name}
    for one in given:
        name, sign, value = one.partition("=")
        first, _, row = name.removeprefix(OPTIONS).partition(".")
        if not sign or first not in keys:
            raise ValueError(
                f"« {one} » n'est pas réglage=valeur ; réglages de cette sorte : "
                f"{', '.join(settings_keys(kind))}."
            )
        key = keys[first] + (f".{row}" if row else "")
        entered[key] = f"{entered[key]}\n{value}" if key in entered else value
    return entered


def _is_local(address: str) -> bool:
    """Return whether an address is a path of this machine."""
    return address.lower().startswith("file:") or not _REMOTE.fullmatch(address)


def _is_reached(host: str, allowed: str) -> bool:
    """Return whether `allowed`, of `[desk] hosts`, is the host, or `*.` and its domain."""
    return host == allowed or (allowed.startswith("*.") and host.endswith(allowed[1:]))


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


def _default(kind: KindForm, key: str) -> str:
    return next((str(one.field.default) for one in kind.fields if one.key == key), "")


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


def _missing_password(source: SourceSettings) -> str:
    """Return the remedy if the password's file cannot be read; empty if it can."""
    variable = password_variable(source.name)
    if not source.password_file or os.environ.get(variable):
        return ""
    path = beside_file(source.password_file)
    if os.access(path, os.R_OK) and path.is_file():
        return ""
    return (
        f"Le fichier du mot de passe, {path}, manque ou ne se lit pas : l’étape « Compte » donne "
        "la commande qui l’écrit. Essayez ensuite de nouveau."
    )


def _file_state(path: Path) -> tuple[str, bool]:
    """Return (state in French, whether the secret's file exists and is closed to others)."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return "Ce fichier n’existe pas encore.", False
    if mode & OTHERS_READ_OR_WRITE:
        return f"Ce fichier est lisible par d’autres comptes : chmod 600 {path}.", False
    if not os.access(path, os.R_OK):
        return f"Ce fichier existe, mais ce service ({account()}) ne peut pas le lire.", False
    return "Ce fichier est là, et lisible par ce service seul.", True


def _host_of(address: str) -> str:
    """Return the host that every client would ask; empty if the address is not plain."""
    found = _ADDRESS.fullmatch(address) or _SHORT_ADDRESS.fullmatch(address)
    return found["host"].strip("[]").lower() if found else ""


def _sentence(said: str) -> str:
    """Return the text with a capital letter and a full stop."""
    said = said[:1].upper() + said[1:]
    return said if said.endswith((".", "!", "?")) else f"{said}."
