"""The bot that answers in rooms, on a real Synapse: rooms of several people, and private rooms."""

import functools
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from quisait_matrix.accounts import AccountNames
from quisait_matrix.bot import BotRules, RoomBot, open_bot
from quisait_matrix.client import MatrixClient

from connectors.http_host import HttpHost
from connectors.http_limits import HttpLimits
from connectors.values import Access, Agent, ContactVia
from expertise.consent import WHOLE_SERVICE, Preference, PreferenceKind
from expertise.directory import SqlDirectory
from indexer.state import State
from indexer.values import Put
from quisait.application.assembly import open_application
from quisait.settings import load_settings
from quisait.work.crawl import crawl_sources, read_directory
from search_api.limits import RateLimiter, RequesterKind
from search_api.wording import quote_label
from tests.builders import indexed, make_document
from tests.matrix_server import SERVER_NAME, MatrixAccount, ensure_matrix
from tests.pages.asking_site import (
    AGENTS,
    ASKER,
    FARAWAY,
    MAPPER,
    NEIGHBOUR,
    SITE,
    AskingSite,
    asking_site,
)
from tests.service.place import make_place

pytestmark = [pytest.mark.trust, pytest.mark.sources]

SHARED, DENIED, OWN = "Le zanzibar partagé", "Le zanzibar refusé", "Le zanzibar à moi"
NOTES = {
    SHARED: Access(frozenset({"everyone"})),
    DENIED: Access(frozenset({"everyone"}), frozenset({f"agent:{NEIGHBOUR}"})),
    OWN: Access(frozenset({f"agent:{ASKER}"})),
}
TEXTS = (
    "Les gardiens du port comptent les zanzibars chaque lundi matin avant l'ouverture.",
    "Une commission de sept membres refuse tout zanzibar dont la facture manque au dossier.",
    "Penser à rappeler le fournisseur du zanzibar bleu, puis classer ses trois devis.",
)
"""Unlike each other: of near copies, one is shown."""
ASKED = "@qui-sait zanzibar"


@functools.cache
def accounts() -> Mapping[str, MatrixAccount]:
    """By agent: the directory gives `ag-1` the account `wiki:a1`."""
    names = {agent: agent.replace("ag-", "a") for agent in (ASKER, MAPPER, NEIGHBOUR, FARAWAY)}
    return {agent: ensure_matrix().account(name) for agent, name in names.items()}


@dataclass
class Rooms:
    """A site, and the bot that answers from it."""

    site: AskingSite
    account: MatrixAccount
    bot: RoomBot = field(init=False)
    state: State = field(init=False)

    def __post_init__(self) -> None:
        self.state = State(self.site.engine)
        self.bot = RoomBot(
            MatrixClient(
                HttpHost(ensure_matrix().url, HttpLimits(rate_per_s=0)), self.account.token
            ),
            self.account.user_id,
            AccountNames("wiki", frozenset({SERVER_NAME})),
            BotRules("@bot:wiki", "qui-sait", SITE, asks=True),
            self.site.services,
            self.site.services.people,
            SqlDirectory(self.site.engine).owner_of,
            self.site.authorities,
            self.state,
            RateLimiter({RequesterKind.READER: 3}),
        )

    def room(self, *agents: str) -> str:
        """A room of these agents and the bot; the asker made it."""
        asker = accounts()[ASKER]
        others = [accounts()[agent] for agent in agents]
        room = asker.create("Salon", self.account, *others)
        for one in (self.account, *others):
            one.join(room)
        self.bot.answer_news()
        return room

    def answers(self, room: str) -> list[str]:
        """Return the bot's answers in the room, each in the thread of its question."""
        said = [one for one in self.account.messages(room) if one["sender"] == self.account.user_id]
        texts = [one["content"] for one in said if "m.relates_to" in one["content"]]
        assert all(one["m.relates_to"]["rel_type"] == "m.thread" for one in texts)
        assert all(one["msgtype"] == "m.notice" for one in texts)
        return [one["body"] for one in texts]


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Rooms]:
    with asking_site(tmp_path) as site:
        notes = [
            Put(
                indexed(make_document(f"wiki:z{n}", title=title, access=access), f"{title}. {said}")
            )
            for n, ((title, access), said) in enumerate(zip(NOTES.items(), TEXTS, strict=True))
        ]
        assert not site.index.write(notes).failed
        yield Rooms(site, ensure_matrix().account())


def titles(answer: str) -> set[str]:
    return {title for title in NOTES if title in answer}


def test_everybody_in_the_room_may_read_what_it_names(rooms: Rooms) -> None:
    """Not what is the asker's alone; not what is denied to one; in private, under their rights."""
    room, private = rooms.room(MAPPER, NEIGHBOUR), rooms.room()
    accounts()[ASKER].say(room, ASKED)
    accounts()[ASKER].say(private, "zanzibar")
    assert rooms.bot.answer_news() == 2
    (before_all,) = rooms.answers(room)
    (in_private,) = rooms.answers(private)
    assert titles(before_all) == {SHARED}
    assert titles(in_private) == {SHARED, DENIED, OWN}
    assert f"{SITE}/documents/wiki:z0" in before_all
    assert f"Poser la question : {SITE}/questions/new?q=zanzibar" in before_all


@pytest.mark.parametrize("joined", [True, False], ids=["joined", "invited"])
def test_somebody_comes_between_the_question_and_the_answer(rooms: Rooms, joined: bool) -> None:
    """Who is there when it is answered counts, who is invited too, and a stranger most of all."""
    room = rooms.room(MAPPER)
    accounts()[ASKER].say(room, ASKED)
    accounts()[ASKER].invite(room, accounts()[NEIGHBOUR])
    if joined:
        accounts()[NEIGHBOUR].join(room)
    assert rooms.bot.answer_news() == 1
    assert titles(rooms.answers(room)[0]) == {SHARED}


def test_a_stranger_in_the_room(rooms: Rooms) -> None:
    """Who is not in the directory reads nothing here: nothing is named before them, nor to them."""
    room = rooms.room(MAPPER)
    stranger = ensure_matrix().account()
    accounts()[ASKER].say(room, ASKED)
    accounts()[ASKER].invite(room, stranger)
    stranger.join(room)
    stranger.say(room, ASKED)
    assert rooms.bot.answer_news() == 2
    first, second = rooms.answers(room)
    assert not titles(first) | titles(second)
    assert "devant lui" in first
    assert "Je ne vous trouve pas dans l'annuaire" in second


def test_colleagues_and_who_withdrew(rooms: Rooms) -> None:
    """Named with how to reach them, as on the pages; not after they withdrew."""
    room = rooms.room(NEIGHBOUR)
    accounts()[ASKER].say(room, "@qui-sait corriger le cadastre d'une parcelle")
    assert rooms.bot.answer_news() == 1
    (before,) = rooms.answers(room)
    named = [one for one in AGENTS if one.name in before]
    assert named
    first = next(one for one in named if one.contact_via is ContactVia.DIRECT)
    assert f"{first.name} ({first.email})" in before
    consent = rooms.site.services.consent
    assert consent is not None
    consent.ask(Preference(first.id, PreferenceKind.WITHDRAW, WHOLE_SERVICE))
    accounts()[ASKER].say(room, "qui-sait : corriger le cadastre d'une parcelle")
    assert rooms.bot.answer_news() == 1
    after = rooms.answers(room)[1]
    assert first.name not in after
    assert [one for one in AGENTS if one.name in after]


def test_who_withdrew_from_the_rooms_is_known_all_the_same(rooms: Rooms) -> None:
    """They are answered, and what they may not read stays so: only their name is not shown."""
    private = rooms.room()
    consent = rooms.site.services.consent
    assert consent is not None
    consent.ask(Preference(ASKER, PreferenceKind.WITHDRAW, "wiki"))
    accounts()[ASKER].say(private, "zanzibar")
    assert rooms.bot.answer_news() == 1
    assert titles(rooms.answers(private)[0]) == {SHARED, DENIED, OWN}


def test_the_room_is_encrypted_while_it_answers(rooms: Rooms) -> None:
    """Nothing is said in it any more."""
    room = rooms.room(MAPPER)
    accounts()[ASKER].say(room, ASKED)
    known = rooms.bot.owner_of

    def encrypting(account: str) -> Agent | None:
        algorithm = "m.megolm.v1.aes-sha2"
        accounts()[ASKER].set_state(room, "m.room.encryption", algorithm=algorithm)
        return known(account)

    assert replace(rooms.bot, owner_of=encrypting).answer_news() == 0
    assert rooms.answers(room) == []


def test_one_message_that_fails_keeps_no_other_waiting(rooms: Rooms) -> None:
    """The next one is answered."""
    room = rooms.room(MAPPER)
    for _ in range(2):
        accounts()[ASKER].say(room, ASKED)
    faults = [ValueError("imprévu")]
    known = rooms.bot.owner_of

    def failing(account: str) -> Agent | None:
        if faults:
            raise faults.pop()
        return known(account)

    assert replace(rooms.bot, owner_of=failing).answer_news() == 1


class KilledError(BaseException):
    """The process is gone."""


def test_killed_between_the_answer_and_the_cursor(rooms: Rooms) -> None:
    """The message is answered once."""
    room = rooms.room(MAPPER)
    accounts()[ASKER].say(room, ASKED)

    class Dying(State):
        def save(self, source: str, cursor: str, still_ahead: Collection[str] = ()) -> None:
            raise KilledError

    with pytest.raises(KilledError):
        replace(rooms.bot, cursors=Dying(rooms.site.engine)).answer_news()
    rooms.bot.answer_news()
    assert len(rooms.answers(room)) == 1
    assert rooms.bot.answer_news() == 0


def test_what_it_does_not_answer(rooms: Rooms) -> None:
    """Other talk, programs, edits, its own words, an open room, and more than its limit."""
    room = rooms.room(MAPPER)
    asker = accounts()[ASKER]
    asker.say(room, "le zanzibar, qui-sait ?")
    asker.say(room, "qui-sait-tout zanzibar")
    asker.say(room, "qui-sait")
    asker.send(room, "m.room.message", {"msgtype": "m.notice", "body": ASKED})
    rooms.account.say(room, "@qui-sait, dit-il de lui-même")
    asker.edit(room, asker.say(room, "rien"), ASKED)
    assert rooms.bot.answer_news() == 0
    mentions = {"user_ids": [rooms.account.user_id]}
    called = f"{rooms.account.user_id}: zanzibar"
    asker.send(
        room,
        "m.room.message",
        {"msgtype": "m.text", "body": called, "m.mentions": mentions},
    )
    for _ in range(3):
        asker.say(room, ASKED)
    assert rooms.bot.answer_news() == 3, "and not four"
    asker.set_state(room, "m.room.history_visibility", history_visibility="world_readable")
    accounts()[MAPPER].say(room, ASKED)
    assert replace(rooms.bot, limits=RateLimiter({})).answer_news() == 1
    assert not titles(rooms.answers(room)[-1])
    assert "N'importe qui" in rooms.answers(room)[-1]


QUOTED = "La déclaration de bornage se dépose dans un délai de trente jours après la visite."


def test_the_answer_is_quoted_in_the_assembled_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the settings to the room: with author and page, before those alone who may read it."""
    server = ensure_matrix()
    bot, ana, ben = server.accounts(3)
    token = tmp_path / "jeton"
    token.write_text(bot.token, "utf-8")
    token.chmod(0o600)
    place = make_place(
        tmp_path / "place", QUISAIT_SIGN_ON__ADDRESS=SITE, QUISAIT_BOT__SOURCE="salons"
    )
    rows = (place.folder / "agents.csv").read_text("utf-8")
    for agent, account in (("ana", ana), ("ben", ben)):
        name = account.user_id[1:].partition(":")[0]
        rows = rows.replace(f"wiki:{agent}", f"wiki:{agent}|salons:{name}", 1)
    (place.folder / "agents.csv").write_text(rows, "utf-8")
    for name in ("delai.txt", "delai-fraude.txt"):
        text = QUOTED if name == "delai.txt" else QUOTED.replace("trente", "quarante")
        (place.folder / "notes" / name).write_text(f"{text} Elle est gratuite.", "utf-8")
    rules = (place.folder / "notes" / "_quisait.csv").read_text("utf-8")
    secret = "delai-fraude.txt,annuaire:group:fraude,ana\n"
    (place.folder / "notes" / "_quisait.csv").write_text(rules + secret, "utf-8")
    source = f"""
[[sources]]
name = "salons"
kind = "matrix"
password_file = "{token}"
options = {{url = "{server.url}"}}
"""
    with (place.folder / "quisait.toml").open("a", encoding="utf-8") as settings:
        settings.write(source)
    place.enter(monkeypatch)
    with open_application(load_settings()) as application:
        read_directory(application)
        notes = [one for one in application.settings.sources if one.name != "wiki"]
        assert all(one.report for one in crawl_sources(application, notes, quiet=True))
        opened = open_bot(application)
        shared, private = ana.create("Salon", bot, ben), ben.create("Privé", bot)
        for one, room in ((bot, shared), (ben, shared), (bot, private)):
            one.join(room)
        opened.answer_news()
        for one, room in ((ana, shared), (ben, private)):
            one.say(room, "@qui-sait quel est le délai de la déclaration de bornage ?")
        assert opened.answer_news() == 2
    answer, in_private = (
        next(
            one["content"]["body"]
            for one in ben.messages(room)
            if one["sender"] == bot.user_id and one["type"] == "m.room.message"
        )
        for room in (shared, private)
    )
    assert "delai-fraude" in in_private
    first, sentence, origin, page, *_ = answer.splitlines()
    assert first == quote_label(accepted=False, title="")
    assert sentence.startswith(f"« {QUOTED}")
    assert "Ana Le Goff" in origin
    assert page.strip() == f"{SITE}/documents/notes:delai.txt"
    assert "quarante" not in answer
    assert "delai-fraude" not in answer
