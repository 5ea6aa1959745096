"""Dependencies of all answers, and the role of the reader."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

from connectors.account_linking import LinkRule
from connectors.files import OpenFile
from expertise.answer_values import BuildState, BuildStatus
from expertise.consent import SqlConsent
from expertise.current_build import BuildReader, OpenBuild
from expertise.directory import SqlDirectory
from expertise.topics import Topic
from indexer.access import AccessFilter, Reader
from indexer.scans import Scans
from indexer.values import Card
from search_api.administration.system_status import SystemStatus
from search_api.administration.tables import EditedTables
from search_api.audit.port import Audit, AuditUnwritable, PrivilegedAccess, RefusedAccesses
from search_api.communities.storage import SqlCommunityPages
from search_api.expected.storage import SqlExpectedQuestions
from search_api.favourites.storage import SqlFavourites
from search_api.following.storage import SqlFollowing
from search_api.identity.principals import Grants, HeldRoles, Role
from search_api.mail.links import UnsubscribeLinks
from search_api.mail.shown_mails import ShownMails
from search_api.mail.storage import SqlMail
from search_api.mail.values import MailAddition, MailRules
from search_api.query_log.counts import MentionCount
from search_api.query_log.recording import NoQueryLog, QueryLog
from search_api.questions.limits import DailyActs
from search_api.questions.storage import SqlQuestions
from search_api.questions.values import AskingRules
from search_api.search.engine import Search
from search_api.verification.storage import SqlVerifications

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
class Asking:
    """Dependencies of questions to experts.

    `publish` updates the index with stored questions; it returns false if that happens later.
    `reader_of` returns what an agent may read now. `acts` limits the number of counted «Cela
    répond», of corrections, and of answers and reports that are deleted again.
    """

    questions: SqlQuestions
    rules: AskingRules
    publish: Callable[[], bool]
    reader_of: Callable[[str], Reader]
    acts: DailyActs


@dataclass(frozen=True, slots=True)
class VerificationRules:
    """Rules from the settings: the age from which a document is old, in days, and limits.

    `per_month`: number of documents to verify in thirty days, for agents who made no choice.
    `marked_per_day`: number of documents that a reader may mark as outdated. A document opened
    `much_opened` times in thirty days (0: openings are not counted) is old after `opened_days`.
    """

    old_days: int = 1095
    per_month: int = 5
    marked_per_day: int = 10
    much_opened: int = 50
    opened_days: int = 365


@dataclass(frozen=True, slots=True)
class Verifying:
    """Dependencies of authors' statements: their store and the rules for asking authors.

    `acts` recognises a reader's first opening of a document in a day.
    """

    store: SqlVerifications
    rules: VerificationRules = VerificationRules()
    acts: DailyActs = field(default_factory=lambda: DailyActs(lambda: datetime.now(UTC)))


@dataclass(frozen=True, slots=True)
class Mailing:
    """Dependencies of mail to agents.

    `additions`: what installed features add to mail. `shown` is None unless the demo shows its
    mails on a page.
    """

    store: SqlMail
    rules: MailRules
    links: UnsubscribeLinks
    additions: tuple[MailAddition, ...] = ()
    shown: ShownMails | None = None


@dataclass(frozen=True, slots=True)
class AnswerContext:
    """Dependencies of answers: the same for pages, API and command line.

    `overview` is None without a list of topics. `grants`: holders of roles; each access by a role
    is written to `audit` before it is shown, and refused attempts through `refusals`. `sign_on` is
    None if sign-on is off. `consent` stores agents' wishes, `favourites` their favourites.
    `mention_counts` returns how often answers named an agent, None if that is not counted.
    `join_rules` returns why an account belongs to an agent. `edited_tables`: files that
    administrators edit. `read_soon` requests a crawl of a source, and raises `KeyError` for a
    source that the settings do not name; `read_again` requests that a folder of a source, or all of
    it, is read again. `directory_reading` tells in French how the directory was last read.
    `originals`: files of folders. `expected` stores expected questions, `community_pages` the pins
    and closings of communities, `scans` the recognised texts. If a feature is off, its field is
    None: `originals`, `asking` (questions to colleagues), `following`, `mail`, `verifying`
    (authors' statements).
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
    favourites: SqlFavourites | None = None
    join_rules: Callable[[], Sequence[LinkRule]] = tuple
    mention_counts: Callable[[str, date], Sequence[MentionCount]] | None = None
    sign_on: "SignOn | None" = None
    administration: Callable[[], SystemStatus] | None = None
    edited_tables: EditedTables | None = None
    originals: Originals | None = None
    read_soon: Callable[[str], None] | None = None
    read_again: Callable[[str, str], None] | None = None
    directory_reading: Callable[[], str] | None = None
    asking: Asking | None = None
    following: SqlFollowing | None = None
    mail: Mailing | None = None
    verifying: Verifying | None = None
    expected: SqlExpectedQuestions | None = None
    community_pages: SqlCommunityPages | None = None
    scans: Scans | None = None

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

    def closed_communities(self) -> frozenset[str]:
        """Return the topics whose communities are closed."""
        return self.community_pages.closed() if self.community_pages else frozenset()

    def topics(self) -> Mapping[str, Topic]:
        """Return the topics of the build by id; empty without a build."""
        build = self.build()
        if isinstance(build, BuildStatus):
            return {}
        return {id_: one.topic for id_, one in build.topics.items()}

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
