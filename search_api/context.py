"""Dependencies of all answers, and the role of the reader."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from connectors.account_linking import LinkRule
from connectors.files import OpenFile
from expertise.answer_values import BuildState, BuildStatus
from expertise.consent import SqlConsent
from expertise.current_build import BuildReader, OpenBuild, by_label
from expertise.directory import SqlDirectory
from expertise.topics import Topic
from indexer.access import AccessFilter, Reader
from indexer.scans import Scans
from indexer.values import Card
from search_api.audit.port import Audit, AuditUnwritable, PrivilegedAccess, RefusedAccesses
from search_api.engine import Search
from search_api.identity.principals import Grants, HeldRoles, Role
from search_api.query_log.counts import MentionCount
from search_api.query_log.recording import NoQueryLog, QueryLog

if TYPE_CHECKING:
    # Commands use answers too, and importing the web framework would cost them a second.
    from search_api.sign_on.identification import SignOn

Part = TypeVar("Part")

NO_SUCH_DOCUMENT = "Ce document n’existe pas, ou ne vous est pas ouvert."
_NO_BUILD = "Aucune cartographie n’est publiée, ou la dernière est trop ancienne."


class AnswerRefused(ValueError):
    """The reader gets no answer. The error's text is a French sentence for the reader.

    `status`: the corresponding HTTP status. `code`: a word for programs if the status is not
    specific enough.
    """

    status = 404
    code = ""


class NotFound(AnswerRefused):
    """The thing does not exist, or this reader may not see it; both cases have the same text."""


class InvalidParameter(AnswerRefused):
    """The request is well formed, but names something unknown or asks for something impossible."""

    status = 422
    code = "impossible"


class Stale(AnswerRefused):
    """The item to replace has changed since it was read."""

    status = 409
    code = "stale"


class NotAllowed(AnswerRefused):
    """The reader does not hold the role, or not for this topic."""

    status = 403


class NotAudited(AnswerRefused):
    """The access could not be written to the audit log, so nothing is shown. Try again later."""

    status = 503
    code = "audit_unwritable"


class NoBuild(NotFound):
    """No build is published, or it is too old for answers; `build.state` says which."""

    def __init__(self, build: BuildStatus) -> None:
        super().__init__(_NO_BUILD)
        self.build = build


class Originals(Protocol):
    """Files of sources that are folders."""

    def holds(self, source: str) -> bool:
        """Return whether this source is a folder."""

    def open(self, source: str, document_id: str, access: AccessFilter) -> OpenFile | None:
        """Open a document's file if the folder's present rules also admit the reader; else None.

        The opened version is the version whose rules were checked. Raises `SourceUnreachable`.
        """


@dataclass(frozen=True, slots=True)
class AnswerContext:
    """Dependencies of answers: the same for pages, API and command line.

    `overview` is None without a list of topics. `grants`: holders of roles; each access by a role
    is written to `audit` before it is shown, and refused attempts through `refusals`. `sign_on` is
    None if sign-on is off. `consent` stores agents' wishes. `mention_counts` returns how often
    answers named an agent, None if that is not counted. `join_rules` returns why an account belongs
    to an agent. `originals`: files of folders, None without them. `closed_communities` returns the
    topics whose communities are closed. `scans`: the recognised texts. `parts`: what the answers of
    single features need, each of a class of its own; a feature without its part is off.
    """

    search: Search
    people: SqlDirectory
    _by_keyword: KW_ONLY
    today: Callable[[], date]
    overview: BuildReader | None = None
    query_log: QueryLog = field(default_factory=NoQueryLog)
    grants: Grants = field(default_factory=Grants)
    audit: Audit = field(default_factory=Audit)
    refusals: RefusedAccesses = field(default_factory=RefusedAccesses)
    consent: SqlConsent | None = None
    join_rules: Callable[[], Sequence[LinkRule]] = tuple
    mention_counts: Callable[[str, date], Sequence[MentionCount]] | None = None
    sign_on: "SignOn | None" = None
    originals: Originals | None = None
    closed_communities: Callable[[], frozenset[str]] = frozenset
    scans: Scans | None = None
    parts: Sequence[object] = ()

    @property
    def questions_kept(self) -> bool:
        """Whether queries are noted, without names."""
        return not isinstance(self.query_log, NoQueryLog)

    def build(self) -> OpenBuild | BuildStatus:
        """Return the build for today's answers, or the reason why there is no build."""
        if self.overview is None:
            return BuildStatus(BuildState.NONE)
        return self.overview.reading(self.today())

    def required_build(self) -> OpenBuild:
        """Return the build for today's answers. Raises `NoBuild` if there is none."""
        found = self.build()
        if isinstance(found, BuildStatus):
            raise NoBuild(found)
        return found

    def part(self, kind: type[Part]) -> Part | None:
        """Return the part of this class; None if its feature is off here."""
        return next((part for part in self.parts if isinstance(part, kind)), None)

    def with_parts(self, *parts: object) -> Self:
        """Return the same context, with these parts instead of its own of the same classes."""
        kinds = tuple(map(type, parts))
        others = (part for part in self.parts if not isinstance(part, kinds))
        return replace(self, parts=(*others, *parts))

    def topics(self) -> Mapping[str, Topic]:
        """Return the topics of the build by id; empty without a build."""
        build = self.build()
        if isinstance(build, BuildStatus):
            return {}
        return {id_: one.topic for id_, one in build.topics.items()}

    def listed_topics(self) -> tuple[Topic, ...]:
        """Return the topics of the build by label; empty without a build."""
        build = self.build()
        return () if isinstance(build, BuildStatus) else by_label(build)

    def named_topic(self, question: str) -> str:
        """Return the id of the first topic that a question names; else empty."""
        topics = tuple(self.topics().values())
        if not topics or not question.strip():
            return ""
        # Imported here because it imports NumPy, which most pages do not need.
        from expertise.assignment import topics_named

        return min(topics_named(question, topics), default="")

    def readable_card(self, document_id: str, reader: Reader) -> Card:
        """Return the card of a document that the reader may read.

        Raises `NotFound`, with the same text for an unknown and an unreadable document, and
        `IndexUnreachable`.
        """
        card = self.search.cards((document_id,), reader).get(document_id)
        if card is None:
            raise NotFound(NO_SUCH_DOCUMENT)
        return card


def required(part: Part | None) -> Part:
    """Return a part of the context. Raises `NotFound` if its feature is off here."""
    if part is None:
        raise NotFound("")
    return part


def incomplete(reader: Reader) -> tuple[str, ...]:
    """Return the authorities that did not answer: documents of this reader may be missing."""
    return tuple(sorted(reader.unanswered))


ROLE_NAMES: dict[Role, str] = {
    Role.AGENT: "agent",
    Role.ANIMATOR: "animation de réseau",
    Role.ADMINISTRATOR: "administration",
    Role.OFFICER: "protection des données",
}
"""Names of roles for people: the activity, which needs no gender."""


@dataclass(frozen=True, slots=True)
class RoleHolder:
    """A reader who holds a role and whose access is in the audit log."""

    reader: Reader
    role: Role
    held: HeldRoles


def open_by_role(
    context: AnswerContext, reader: Reader, role: Role, access: str, subject: str = ""
) -> RoleHolder:
    """Write the access to the audit log and return the holder of the role.

    `access`: a route (`GET /audit`) or a command (`quisait topics risks`). `subject`: the person or
    thing concerned (`topic_id:…`). Raises `NotAllowed` for a reader without the role, which is
    noted too, and `NotAudited`.
    """
    held = context.grants.held_by(reader)
    if role not in held.roles:
        note_refusal(context, reader, role, access)
        name = ROLE_NAMES[role]
        raise NotAllowed(f"Cette page est réservée au rôle « {name} ».")
    holder = RoleHolder(reader, role, held)
    note_access(context, holder, access, subject)
    return holder


def note_access(context: AnswerContext, holder: RoleHolder, access: str, subject: str) -> None:
    """Write the holder's access to the audit log before it takes place. Raises `NotAudited`."""
    actor = holder.reader.agent_id or ""
    try:
        context.audit.write(PrivilegedAccess(actor, holder.role, access, subject))
    except AuditUnwritable as error:
        raise NotAudited(
            "Cette lecture doit être consignée, et n’a pas pu l’être. Réessayez bientôt."
        ) from error


def note_refusal(context: AnswerContext, reader: Reader, role: Role, access: str) -> None:
    """Note that a reader without the role tried to open its page."""
    context.refusals.note(context.audit, reader.agent_id or "", role, access)
