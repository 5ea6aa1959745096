"""The bot that answers in Matrix rooms, when called by name or written to in private.

In a room, an answer only names documents that every member may read at that moment, and colleagues
found by these documents. In private, it names documents that the asker may read.
`RoomBot.answer_news` shows the flow.
"""

import hashlib
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa

from connectors.ports import SourceError
from connectors.values import Agent
from indexer.access import Reader
from indexer.errors import IndexerError
from indexer.state import State
from quisait.application.assembly import Application, open_overview
from quisait.application.sources import place_of, validated_options
from quisait.clock import today
from quisait_matrix.accounts import AccountNames
from quisait_matrix.bot_settings import BotSettings
from quisait_matrix.client import MatrixClient, RoomClosedError
from quisait_matrix.connector import open_rooms
from quisait_matrix.events import (
    EventType,
    MalformedEventError,
    Relation,
    RoomEvent,
    parse_event,
)
from quisait_matrix.options import MatrixOptions
from quisait_matrix.rooms import PRIVATE_MEMBERS, WORLD_READABLE, RoomState, room_state
from search_api.addresses import document_address
from search_api.context import AnswerContext
from search_api.identity.readers import Authorities, ReaderDirectory, reader_of
from search_api.limits import RateLimiter, RequesterKind
from search_api.ranking.direct_answer import quoted_from
from search_api.search.rooms import SharedAnswer, answer_to_all
from search_api.wording import contact, quote_label

log = logging.getLogger(__name__)

WAIT_S = 5.0
"""Maximum wait of one request for new messages, in seconds. A stop may take as long."""
REST_S = 10.0
OLDEST = timedelta(hours=1)
"""Maximum age of a message that is answered. Nobody waits for older messages any more, and the
server may have forgotten that they were answered before a crash.
"""
MOST_MEMBERS = 200
"""The bot answers only in rooms with at most this many members, because it checks the rights of
each. In larger rooms it writes a message about this limit.
"""
MOST_CHARACTERS = 500

_TOO_MANY = f"Ce salon a plus de {MOST_MEMBERS} membres : je n'y réponds pas. Écrivez-moi en privé."
_OPEN_TO_ANYBODY = "N'importe qui peut lire ce salon : je n'y réponds pas. Écrivez-moi en privé."
_UNKNOWN = "Je ne vous trouve pas dans l'annuaire : je ne peux pas vous répondre."
_STRANGER = (
    "Un membre de ce salon n'est pas dans l'annuaire : je ne nomme rien devant lui. Écrivez-moi en "
    "privé."
)
_NOTHING_SHARED = "Je ne trouve rien que tous les membres de ce salon puissent lire."
_NOTHING = "Je ne trouve rien que vous puissiez lire."


@dataclass(frozen=True, slots=True)
class BotRules:
    """The bot's name and cursor, the origin of its links, and whether questions may be asked."""

    cursor: str
    name: str
    address: str
    asks: bool


@dataclass(frozen=True, slots=True)
class RoomBot:
    """Answers with an account of a Matrix server. `own` is its user id.

    `owner_of` returns the agent of an account, even of an agent who withdrew. `cursors` store how
    far the bot has read. A message is answered once: after a crash, the bot sends the same
    transaction again, which the server ignores.
    """

    client: MatrixClient
    own: str
    names: AccountNames
    rules: BotRules
    context: AnswerContext
    directory: ReaderDirectory
    owner_of: Callable[[str], Agent | None]
    authorities: Authorities
    cursors: State
    limits: RateLimiter

    def answer_news(self, wait_s: float = 0.0) -> int:
        """Answer the messages since the last call; return how many were answered.

        The first call answers nothing, because earlier messages were not meant for the bot. Raises
        `SourceError`, `IndexUnreachable` and the database's errors.
        """
        since = self.cursors.load(self.rules.cursor)
        news = self.client.sync(since, wait_s)
        if since is None or news is None:
            news = news or self.client.sync(None)
            if news is not None:
                self.cursors.save(self.rules.cursor, news.token)
            return 0
        answered = 0
        for room_id in news.changed:
            try:
                for message in list(self._asked(room_id, news.token, since)):
                    answered += self._tried(room_id, message)
            except RoomClosedError:
                log.info("bot was put out of a room")
        self.cursors.save(self.rules.cursor, news.token)
        return answered

    def _asked(self, room_id: str, before: str, after: str) -> Iterator[RoomEvent]:
        """Yield people's new messages, oldest first. Raises `RoomClosedError`."""
        found: dict[str, RoomEvent] = {}
        for page in self.client.pages(room_id, before, after):
            for raw in page:
                try:
                    event = parse_event(raw)
                except MalformedEventError:
                    continue
                if event is not None and event.type is EventType.MESSAGE and event.text:
                    found[event.id] = event
        for event in reversed(found.values()):
            if event.sender != self.own and event.relation is not Relation.EDIT:
                yield event

    def _tried(self, room_id: str, message: RoomEvent) -> bool:
        """Answer one message like `_answer`, but skip a message with an unexpected error."""
        try:
            return self._answer(room_id, message)
        except (RoomClosedError, SourceError, IndexerError, sa.exc.SQLAlchemyError):
            raise
        except Exception as error:  # noqa: BLE001 - a fault of one message must not end the others
            log.error("bot failed", extra={"error": type(error).__name__})
            return False

    def _answer(self, room_id: str, message: RoomEvent) -> bool:
        """Answer one message if it is addressed to the bot. Raises `RoomClosedError`."""
        state = room_state(room_id, self.client.state(room_id))
        question = self._question(state, message)
        absent = message.sender not in state.joined
        if state.encrypted or absent or not question or _is_old(message):
            return False
        limits = (
            self.limits.take(RequesterKind.READER, message.sender),
            self.limits.take(RequesterKind.READER, room_id),
        )
        if any(limits):
            log.info("bot limit reached")
            return False
        text = self._text(state, message.sender, question)
        present = room_state(room_id, self.client.state(room_id))
        if present.encrypted or message.sender not in present.joined:
            return False
        if present != state:
            text = self._text(present, message.sender, question)
        transaction = hashlib.sha256(f"{room_id} {message.id}".encode()).hexdigest()[:32]
        self.client.send(room_id, transaction, _content(message, text))
        log.info("bot answered")
        return True

    def _question(self, state: RoomState, message: RoomEvent) -> str:
        """Return the question in the message, empty if it is not for the bot."""
        said = message.text[:MOST_CHARACTERS]
        called = re.match(rf"@?{re.escape(self.rules.name)}(?![\w-])[\s:,]*", said, re.IGNORECASE)
        if called:
            return said[called.end() :].strip()
        own = self.own.removeprefix("@").partition(":")[0]
        shown = state.names.get(self.own, own)
        if self.own in message.mentions:
            pattern = rf"@?({re.escape(self.own)}|{re.escape(shown)}|{re.escape(own)})[\s:,]*"
            return re.sub(pattern, "", said, count=1).strip()
        return said.strip() if _is_private(state) else ""

    def _text(self, state: RoomState, sender: str, question: str) -> str:
        """Return the answer's text, under the rights of everybody in the room."""
        if state.level == WORLD_READABLE:
            return _OPEN_TO_ANYBODY
        people = sorted(_people(state) - {self.own, sender})
        if len(people) > MOST_MEMBERS:
            return _TOO_MANY
        asker = self._readers([sender])[sender]
        if asker is None:
            return _UNKNOWN
        members = self._readers(people).values()
        others = [one for one in members if one is not None]
        if len(others) < len(people):
            return _STRANGER
        found = answer_to_all(self.context, asker, others, question)
        nothing = _NOTHING_SHARED if others else _NOTHING
        return "\n".join(self._lines(found, question, nothing))

    def _readers(self, users: Sequence[str]) -> Mapping[str, Reader | None]:
        """Return each user's reader; None for users who are not in the directory, or have left.

        Agents who withdrew are included, so that denials naming them still apply.
        """
        readers: dict[str, Reader | None] = {}
        for user in users:
            agent = self.owner_of(self.names.account(user))
            reader = reader_of(agent.id if agent else None, self.directory, self.context.today())
            readers[user] = self.authorities.complete(reader) if reader.agent_id else None
        return readers

    def _lines(self, found: SharedAnswer, question: str, nothing: str) -> Iterator[str]:
        if not found.documents and not found.colleagues and not found.direct:
            yield nothing
        quotes = found.direct.quotes if found.direct else ()
        for number, quote in enumerate(quotes):
            older = found.direct is not None and found.direct.differs and number > 0
            if older or not number:
                yield quote_label(quote.accepted, _plain(quote.card.title), older)
            page = f"{self.rules.address}{document_address(quote.card.document_id)}"
            yield f"« {_plain(quote.text)} »\n  {_plain(quoted_from(quote))}\n  {page}"
        quoted = {quote.card.document_id for quote in quotes}
        for result in found.documents:
            if result.card.document_id in quoted:
                continue
            page = f"{self.rules.address}{document_address(result.card.document_id)}"
            yield f"• {_plain(result.card.title)}\n  {page}"
        if found.colleagues:
            yield "Savent sans doute :" if len(found.colleagues) > 1 else "Sait sans doute :"
        for agent in found.colleagues:
            way = contact(agent)
            reached = f" ({_plain(way.words + way.address)})" if way.address else ""
            yield f"• {_plain(agent.name)}{reached}"
        if self.rules.asks:
            said = urlencode({"q": question})
            yield f"Poser la question : {self.rules.address}/questions/new?{said}"


def run_bot(application: Application, stop: Event) -> None:
    """Open the bot and answer until the event is set.

    Tries again after errors of the server, the index or the database.
    """
    bot = None
    while not stop.is_set():
        try:
            bot = bot or open_bot(application)
            bot.answer_news(WAIT_S)
        except (SourceError, IndexerError, sa.exc.SQLAlchemyError) as error:
            log.warning("bot waits", extra={"error": type(error).__name__})
            stop.wait(REST_S)


def open_bot(application: Application) -> RoomBot:
    """Return the bot of the settings. Raises `SourceError`."""
    settings = application.settings
    bot = settings.table(BotSettings)
    (source,) = (one for one in settings.sources if one.name == bot.source)
    connector = open_rooms(place_of(source), validated_options(source, MatrixOptions))
    client = connector.client()
    own = client.user_id()
    return RoomBot(
        client,
        own,
        connector.names(own),
        BotRules(
            f"@bot:{source.name}",
            bot.name,
            settings.sign_on.address,
            settings.questions.enabled,
        ),
        AnswerContext(
            application.search,
            application.book,
            today=today,
            overview=open_overview(application),
            consent=application.privacy.consent,
        ),
        application.book,
        application.book.owner_of,
        application.authorities,
        application.state,
        RateLimiter({RequesterKind.READER: bot.per_minute}),
    )


def _people(state: RoomState) -> frozenset[str]:
    """Return everybody who can read an answer: members, and invited users who may join."""
    return state.joined | state.invited


def _is_private(state: RoomState) -> bool:
    return len(_people(state)) <= PRIVATE_MEMBERS


def _is_old(message: RoomEvent) -> bool:
    return message.at is None or datetime.now(message.at.tzinfo) - message.at > OLDEST


def _content(message: RoomEvent, text: str) -> Mapping[str, Any]:
    """Return a notice, which other bots do not answer, in the message's thread."""
    root = message.target if message.relation is Relation.THREAD else message.id
    return {
        "msgtype": "m.notice",
        "body": text,
        "m.mentions": {},
        "m.relates_to": {
            "rel_type": "m.thread",
            "event_id": root,
            "is_falling_back": True,
            "m.in_reply_to": {"event_id": message.id},
        },
    }


def _plain(text: str) -> str:
    """Return the text on one line."""
    return " ".join(text.split())
