"""What every answer needs: the parts it asks, and who asks by which role."""

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Protocol

from connectors.account_linking import LinkRule
from connectors.files import OpenFile
from connectors.values import Agent
from expertise.answer_values import BuildState, BuildStatus
from expertise.consent import ConsentStore
from expertise.current_build import BuildReader, OpenBuild
from expertise.lookup import LookupDirectory
from expertise.values import AgentDirectory, NameCompleter, NameMatcher
from indexer.access import AccessFilter, Reader
from indexer.scans import Scans
from search_api.asking.limits import DailyActs
from search_api.asking.storage import SqlQuestions
from search_api.asking.values import AskingRules
from search_api.audit.port import Audit, AuditUnwritable, NoAudit, PrivilegedAccess, RefusedAccesses
from search_api.community_pages import SqlCommunityPages
from search_api.feedback import FeedbackStore
from search_api.following import SqlFollowing
from search_api.identity.principals import Grants, HeldRoles, Role
from search_api.identity.readers import ReaderDirectory
from search_api.mail.links import UnsubscribeLinks
from search_api.mail.reply_addresses import ReplyAddresses
from search_api.mail.storage import SqlMail
from search_api.mail.values import MailRules
from search_api.new_source import NewSources
from search_api.query_log.counts import MentionCount
from search_api.query_log.recording import NoQueryLog, QueryLog
from search_api.search import Search
from search_api.system_status import SearchFiles, SystemStatusReader
from search_api.verification import SqlVerifications

if TYPE_CHECKING:
    # Commands have answers too: the web framework takes them a second to import.
    from search_api.sign_on.identification import SignOn

_NO_BUILD = "Aucune cartographie n’est publiée, ou la dernière est trop ancienne."


class AnswerRefused(ValueError):
    """There is no such answer for this reader. Its text is a French sentence for them.

    `status` is the HTTP status that says the same, `code` a word for programs where the status
    alone does not say it.
    """

    status = 404
    code = ""


class NotFound(AnswerRefused):
    """There is no such thing, or not for this reader: both are told alike."""


class InvalidParameter(AnswerRefused):
    """A parameter has no meaning, or what is asked cannot be done."""

    status = 422


class Stale(AnswerRefused):
    """What is to be replaced has changed since it was read."""

    status = 409


class NotAllowed(AnswerRefused):
    """The reader does not hold the role, or not for this topic."""

    status = 403


class NotAudited(AnswerRefused):
    """The access could not be written to the audit log, so nothing is shown. Try again later."""

    status = 503
    code = "audit_unwritable"


class NoBuild(NotFound):
    """No build is published, or it is too old to answer from; `build` says which."""

    def __init__(self, build: BuildStatus) -> None:
        super().__init__(_NO_BUILD)
        self.build = build


class Originals(Protocol):
    """The files of sources that are folders."""

    def holds(self, source: str) -> bool:
        """Whether this source is a folder."""
        ...

    def open(self, source: str, document_id: str, access: AccessFilter) -> OpenFile | None:
        """A document's file, where the rules of now admit the reader too; else None.

        It is of the version whose rules were read. Raises `SourceUnreachable`.
        """
        ...


class PeopleDirectory(
    AgentDirectory, NameMatcher, NameCompleter, LookupDirectory, ReaderDirectory, Protocol
):
    """The directory, as answers ask it."""

    def as_read(self, agent_id: str) -> Agent | None:
        """One agent as the directory has them, whatever they ask: for their own eyes."""
        ...

    def by_email(self, email: str) -> Sequence[Agent]:
        """Every agent with this address, departed or not, ignoring case."""
        ...


@dataclass(frozen=True, slots=True)
class Asking:
    """What questions to those who know need.

    `publish` brings the index up to what is kept; false where it will be later. `reader_of` finds
    what an agent may read now. `acts` bounds how often «Cela répond» counts, corrections, and
    answers and reports that are deleted again.
    """

    questions: SqlQuestions
    rules: AskingRules
    publish: Callable[[], bool]
    reader_of: Callable[[str], Reader]
    acts: DailyActs


@dataclass(frozen=True, slots=True)
class VerificationRules:
    """What the settings decide: from which age a document is old, and the limits of an agent.

    `per_month`: documents that one who chose nothing is asked about in thirty days.
    `marked_per_day`: documents that a reader may mark as outdated. A document that was opened
    `much_opened` times in thirty days (0: openings are not counted) is old after `opened_days`.
    """

    old_days: int = 1095
    per_month: int = 5
    marked_per_day: int = 10
    much_opened: int = 50
    opened_days: int = 365


@dataclass(frozen=True, slots=True)
class Verifying:
    """What authors say of their documents, and the rules by which they are asked.

    `acts` tells a reader's first opening of a document in a day from the next ones.
    """

    store: SqlVerifications
    rules: VerificationRules = VerificationRules()
    acts: DailyActs = field(default_factory=lambda: DailyActs(lambda: datetime.now(UTC)))


@dataclass(frozen=True, slots=True)
class Mailing:
    """What mail to agents needs. `replies` are None where no mailbox is read."""

    store: SqlMail
    rules: MailRules
    links: UnsubscribeLinks
    replies: ReplyAddresses | None = None


@dataclass(frozen=True, slots=True)
class AnswerContext:
    """What answers are made from: the same for the pages, the API and the command line.

    `overview` is None where there is no list of topics. `grants` say who holds which role; what
    a role opens is written to `audit` before it is shown, and attempts at it by way of
    `refusals`. `sign_on` is None where nobody signs on here. `consent` keeps what agents ask
    about themselves, `feedback` their opinions and favourites; `mention_counts` counts how often
    answers named one of them, None where that is not counted. `join_rules` say why an account is
    somebody's. `search_files` are those that administrators edit; `read_soon` has a
    source read by the next worker, and raises `KeyError` for one that the settings do not name.
    `new_sources` adds one to them, None where none is added here.
    `originals` are the files of folders, None where none is served; `asking` is None where no
    question is asked of colleagues here, `following` where nothing is followed, `mail` where
    nothing is sent, `verifying` where authors are asked about no document. `community_pages` keeps
    what animators set on the pages of communities, `scans` which texts were recognised.
    """

    search: Search
    people: PeopleDirectory
    _by_keyword: KW_ONLY
    today: Callable[[], date]
    overview: BuildReader | None = None
    query_log: QueryLog = field(default_factory=NoQueryLog)
    grants: Grants = field(default_factory=Grants)
    audit: Audit = field(default_factory=NoAudit)
    refusals: RefusedAccesses = field(default_factory=RefusedAccesses)
    consent: ConsentStore | None = None
    feedback: FeedbackStore | None = None
    join_rules: Sequence[LinkRule] = ()
    mention_counts: Callable[[str, date], Sequence[MentionCount]] | None = None
    sign_on: "SignOn | None" = None
    administration: SystemStatusReader | None = None
    search_files: SearchFiles | None = None
    originals: Originals | None = None
    read_soon: Callable[[str], None] | None = None
    new_sources: NewSources | None = None
    asking: Asking | None = None
    following: SqlFollowing | None = None
    mail: Mailing | None = None
    verifying: Verifying | None = None
    community_pages: SqlCommunityPages | None = None
    scans: Scans | None = None

    @property
    def questions_kept(self) -> bool:
        """Whether questions are noted, without names."""
        return not isinstance(self.query_log, NoQueryLog)

    def build(self) -> OpenBuild | BuildStatus:
        """The build that today's answers come from, or why there is none."""
        if self.overview is None:
            return BuildStatus(BuildState.NONE)
        return self.overview.reading(self.today())

    def required_build(self) -> OpenBuild:
        """The same. Raises `NoBuild` where there is none."""
        found = self.build()
        if isinstance(found, BuildStatus):
            raise NoBuild(found)
        return found


def incomplete(reader: Reader) -> tuple[str, ...]:
    """The authorities that did not answer: documents of this reader may be missing."""
    return tuple(sorted(reader.unanswered))


ROLE_NAMES: dict[Role, str] = {
    Role.AGENT: "agent",
    Role.ANIMATOR: "animation de réseau",
    Role.ADMINISTRATOR: "administration",
    Role.OFFICER: "protection des données",
}
"""Roles as a person reads them: what is done, which fits everybody."""


@dataclass(frozen=True, slots=True)
class RoleHolder:
    """A reader who holds a role, whose access is written down."""

    reader: Reader
    role: Role
    held: HeldRoles


def open_by_role(
    context: AnswerContext, reader: Reader, role: Role, access: str, subject: str = ""
) -> RoleHolder:
    """The holder of a role, once their access is in the audit log.

    `access` is a route (`GET /audit`) or a command (`quisait topics risks`), `subject` whom or
    what it is about (`topic_id:…`). Raises `NotAllowed` for who does not hold the role, which is
    written down too, and `NotAudited`.
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
    """Write down what the holder is about to see or do. Raises `NotAudited`."""
    actor = holder.reader.agent_id or ""
    try:
        context.audit.write(PrivilegedAccess(actor, holder.role, access, subject))
    except AuditUnwritable as error:
        raise NotAudited(
            "Cette lecture doit être consignée, et n’a pas pu l’être. Réessayez bientôt."
        ) from error


def note_refusal(context: AnswerContext, reader: Reader, role: Role, access: str) -> None:
    """Write down that a role's page was asked for by who may not open it."""
    context.refusals.note(context.audit, reader.agent_id or "", role, access)
