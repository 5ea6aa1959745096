"""Add a source step by step: its form, its trial, its table in the settings.

The administrators' pages and `quisait source` use the same `DeskSources`; `page_limits` says what a
page may not name.
"""

import os
import shlex
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path

import sqlalchemy as sa

from connectors.ports import SourceRefused
from connectors.values import EVERYONE
from expertise.directory import SqlDirectory
from indexer.access import PrincipalLookup
from indexer.state import State
from quisait.clock import today
from quisait.settings import SECRETS_FOLDER, Settings, beside_file, settings_file
from quisait.settings.files import OTHERS_READ_OR_WRITE, account
from quisait.settings.sources import SourceSettings, password_variable
from quisait_desk.added_sources import needs_restart
from quisait_desk.page_limits import PageLimits
from quisait_desk.settings import DeskSettings
from quisait_desk.settings_addition import add_table, source_table, sources_in_file, why_locked
from quisait_desk.source_entries import (
    entry_faults,
    settings_faults,
    source_values,
    without_accounts,
)
from quisait_desk.source_forms import (
    MORE,
    PASSWORD_FILE,
    KindForm,
    asked_fields,
    kind_form,
    offered_kinds,
)
from quisait_desk.trial_child import TIME_LIMIT_S, tried_apart
from quisait_desk.values import (
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

SUGGESTED_GROUPS = 30
SUGGESTED_FOLDERS = 10


@dataclass(frozen=True, slots=True)
class DeskSources:
    """The form of a new source, its trial, and its addition to the settings.

    `desk` is true for the pages, false for commands.
    """

    settings: Settings
    book: SqlDirectory
    known_now: Callable[[], PrincipalLookup] | None = None
    desk: bool = True
    read_soon: Callable[[str], None] | None = None

    def kinds(self) -> Sequence[KindOffered]:
        """Return every kind of source that can be added."""
        return offered_kinds()

    def form(self, step: SourceStep, entered: Entered, *, checked: bool) -> SourceForm:
        """Return a step with the entered values; with `checked`, also with its faults.

        Raises `KeyError` for an unknown kind.
        An account that was typed in an address is not shown again.
        """
        shown = without_accounts(entered)
        if step is SourceStep.KIND or not entered.get("kind"):
            return SourceForm(
                SourceStep.KIND,
                tuple(SourceStep),
                None,
                "",
                (),
                ("Choisissez une sorte de source.",) if checked else (),
                tuple((key, value) for key, value in shown.items() if key not in ("kind", MORE)),
            )
        kind = kind_form(entered["kind"])
        order = list(SourceStep)
        # A forged form may ask for a step that this kind does not have: take its next one.
        step = next(
            (one for one in order[order.index(step) :] if one in kind.steps), kind.steps[-1]
        )
        faults = self._faults(kind, entered) if checked else {}
        fields = [
            replace(one, suggestions=self._suggestions(kind, one.key))
            for one in asked_fields(kind, step, shown, faults)
        ]
        secret = None
        if step is SourceStep.ACCOUNT and kind.credential:
            secret = self._secret_file(kind, shown)
            fields.append(_password_field(kind, shown, faults))
        general = [faults[""]] if "" in faults and step is kind.steps[-1] else []
        if step is SourceStep.PLACE and checked and kind.untypable:
            general.append(
                f"Cette sorte a un réglage secret ({', '.join(kind.untypable)}), qui ne se saisit "
                "pas dans une page : écrivez la source dans quisait.toml."
            )
        here = {MORE, *(one.key for one in fields)}
        return SourceForm(
            step,
            kind.steps,
            kind.offered,
            entered.get("name", "").strip(),
            tuple(fields),
            tuple(general),
            tuple((key, value) for key, value in shown.items() if key not in here),
            secret,
            tuple(one.key for one in kind.of_step(step) if one.rows is not None),
        )

    def first_fault(self, entered: Entered, until: SourceStep) -> SourceForm | None:
        """Return the first step, up to `until`, that has a fault; None without faults."""
        try:
            kind = kind_form(entered.get("kind", ""))
        except KeyError:
            return self.form(SourceStep.KIND, {}, checked=True)
        except SourceRefused as error:
            first = self.form(SourceStep.KIND, {}, checked=False)
            return replace(first, faults=(str(error),))
        order = list(SourceStep)
        steps = [one for one in order[1 : order.index(until) + 1] if one in kind.steps]
        forms = (self.form(step, entered, checked=True) for step in steps)
        return next((form for form in forms if form.wrong), None)

    def attempt(self, entered: Entered) -> SourceTrial:
        """Read the source's first documents in another process, without storing them.

        Raises `SourceIncomplete`, or `ValueError` with a sentence if no trial is possible now.
        """
        source = self._source(entered)
        if source.kind == "push":
            raise ValueError(
                "Une source poussée ne s’essaie pas : l’application y envoie ses documents. "
                "Écrivez-la, puis donnez un jeton à l’application."
            )
        _require_password(source)
        most_s = self.settings.door.answer_s if self.desk else TIME_LIMIT_S
        return tried_apart(source, self.settings.extractor, min(TIME_LIMIT_S, most_s))

    def addition(self, entered: Entered) -> SettingsAddition:
        """Return the table that would be written. Raises `SourceIncomplete`."""
        source = self._source(entered)
        text = source_table(source_values(kind_form(source.kind), entered), day(today()))
        return SettingsAddition(
            text,
            str(settings_file().resolve()),
            self._locked(),
            next_steps=tuple(_next_steps(source)),
        )

    def write(self, entered: Entered) -> SettingsAddition:
        """Write the addition. Raises `SourceIncomplete`, or `ValueError` with a sentence."""
        added = self.addition(entered)
        if added.locked:
            raise ValueError(added.locked)
        source = self._source(entered)
        if self.read_soon and not needs_restart(source):
            self.read_soon(source.name)  # before the file: processes that see it take the source
        return replace(added, backup=str(add_table(added.text, datetime.now().astimezone())))

    def unread_sources(self) -> Sequence[str]:
        """Return sources of the settings' file that are unknown to the running process."""
        read = {one.name for one in self.settings.sources}
        return [one["name"] for one in sources_in_file() if one["name"] not in read]

    def in_words(self, principals: Collection[str]) -> Mapping[str, str]:
        """Return each principal in French words, as the directory knows them."""
        groups = self.book.group_sizes(principals)
        return {one: self._reader_in_words(one, groups) for one in principals}

    def authors_in_words(self, accounts: Collection[str]) -> Mapping[str, str]:
        """Return each account's owner, or the account's name if the directory has no owner."""
        found = self.book.by_account(accounts)
        return {
            one: found[one].name if one in found else f"{one.partition(':')[2]} (compte sans agent)"
            for one in accounts
        }

    def known(self) -> PrincipalLookup:
        """Return the object that tells which principals the directory and the index know.

        Commands do not call it, because they show every title.
        """
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
        if self.desk and self.settings.table(DeskSettings).sources == "show":
            return "Le réglage [desk] sources le laisse à qui administre la machine."
        return why_locked()

    def _source(self, entered: Entered) -> SourceSettings:
        """Return the source's settings. Raises `SourceIncomplete`."""
        if wrong := self.first_fault(entered, SourceStep.OPTIONS):
            raise SourceIncomplete(wrong)
        return SourceSettings.model_validate(source_values(kind_form(entered["kind"]), entered))

    def _faults(self, kind: KindForm, entered: Entered) -> dict[str, str]:
        """Return the remedy for each faulty field; general faults are under ""."""
        limits = PageLimits(self.settings)
        found: dict[str, str] = {}
        for key, fault in (
            *entry_faults(self.settings, kind, entered),
            *(limits.faults(kind, entered) if self.desk else ()),
            *settings_faults(kind, entered),
            *(limits.repository_faults(kind, entered) if self.desk else ()),
        ):
            sentence = fault[:1].upper() + fault[1:]
            found.setdefault(
                key, sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."
            )
        for one in kind.fields:
            if one.required and one.key in found and not entered.get(one.key, "").strip():
                found[one.key] = "À remplir : il n’y a pas de source sans cela."
        return found

    def _suggestions(self, kind: KindForm, key: str) -> tuple[str, ...]:
        """Suggest groups as readers, and folders that a trial may read now."""
        if key == "allowed":
            return self.book.largest_groups(SUGGESTED_GROUPS)
        if key != "path" or kind.offered.name != "folder" or not self.desk:
            return ()
        limits = PageLimits(self.settings)
        within = (path for root in limits.folders() for path in (root, *sorted(root.glob("*/"))))
        paths = map(str, islice(within, 20 * SUGGESTED_FOLDERS))
        readable = (path for path in paths if not limits.path_fault(path))
        return tuple(islice(readable, SUGGESTED_FOLDERS))

    def _secret_file(self, kind: KindForm, entered: Entered) -> SecretFile:
        name = entered.get("name", "").strip()
        typed = entered.get(PASSWORD_FILE, "").strip()
        if not typed or (self.desk and PageLimits(self.settings).secret_fault(name, typed)):
            typed = f"{SECRETS_FOLDER}/{name}"
        path = beside_file(typed)
        state, well = _file_state(path)
        folder, file, own = shlex.quote(str(path.parent)), shlex.quote(str(path)), os.geteuid()
        inner = f"install -d -m 700 -o {own} {folder} && umask 077 && cat > {file}"
        inner = f"{inner} && chown {own} {file}"
        return SecretFile(
            str(path), kind.credential, f"sudo sh -c {shlex.quote(inner)}", state, well
        )


def open_sources_of_machine(settings: Settings, database: sa.Engine) -> DeskSources:
    """Return the sources for commands, without index or encoder."""
    soon = State(database).request_run
    return DeskSources(settings, SqlDirectory(database), desk=False, read_soon=soon)


def _password_field(kind: KindForm, entered: Entered, faults: Mapping[str, str]) -> SourceField:
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


def _require_password(source: SourceSettings) -> None:
    """Raise `ValueError` if the source's password can be read neither here nor in its file."""
    if not source.password_file or os.environ.get(password_variable(source.name)):
        return
    path = beside_file(source.password_file)
    if not os.access(path, os.R_OK) or not path.is_file():
        raise ValueError(
            f"Le fichier du mot de passe, {path}, manque ou ne se lit pas : l’étape « Compte » "
            "donne la commande qui l’écrit. Essayez ensuite de nouveau."
        )


def _next_steps(source: SourceSettings) -> Iterator[str]:
    """Yield in French what is left to do once the source is written."""
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
