"""Every kind of source beside the others: each on its real server, with the same plain truth.

A `Planted` document says who wrote it and who reads it; a `MixedSource` brings that about in its
own server, by that server's own rights. A new kind joins with a class here and a line in `SOURCES`;
`tests/service/test_sources_to_answers.py` and `benchmarks/sources.py` then take it along.

Agents are in a domain controller's directory, in which `MEMBERS` are the group `CLOSED`.
"""

import functools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol
from xml.sax.saxutils import escape

from imapclient import IMAPClient
from quisait_smb.descriptors import NEEDED

from tests import (
    cmis_server,
    dav_server,
    dovecot_server,
    hyperkitty_server,
    redmine_server,
    wiki_server,
    wordpress_server,
)
from tests.cmis_server import ensure_cmis
from tests.dav_server import DavFolder, ensure_dav
from tests.dovecot_server import ensure_dovecot
from tests.git_repository import Work
from tests.hyperkitty_server import ensure_hyperkitty
from tests.matrix_server import MatrixAccount, ensure_matrix
from tests.redmine_server import ensure_redmine
from tests.samba_server import PASSWORD, READER, SUFFIX, SambaServer, ace, ensure_samba
from tests.served_folder import served_folder, write_sitemap
from tests.service.place import Place
from tests.wagtail_server import ensure_wagtail
from tests.wiki_server import WikiServer, ensure_wiki
from tests.wordpress_server import ensure_wordpress

ANA, BEN, CYD, DAN = "mx-ana", "mx-ben", "mx-cyd", "mx-dan"
NAMES = {ANA: "Ana Le Goff", BEN: "Ben Amrani", CYD: "Cyd Rossi", DAN: "Dan Éluard"}
EVERYBODY, MEMBERS = frozenset(NAMES), frozenset({BEN, DAN})
CLOSED, SERVICE = "mx-fraude", "mx-service"
"""Groups of the directory: the members, and everybody."""
CLOSED_PRINCIPAL = f"ldap:group:{CLOSED}"
SUBJECT = "bornage amiable"


def email(agent: str) -> str:
    return f"{agent}@exemple.fr"


@dataclass(frozen=True, slots=True)
class Planted:
    """A document of a source. `closed`: its author is Ben, and the members alone read it.

    Else its author is Ana, and everybody reads it. `moves` says that it will be closed later.
    """

    source: str
    name: str
    closed: bool = False
    moves: bool = False
    filler: str = ""
    """More text, of a benchmark."""

    @property
    def word(self) -> str:
        """Stands in its title, its text and where it can in its address; in no other document."""
        return f"zz{self.source}{self.name}"

    @property
    def title(self) -> str:
        return f"Bornage {self.word}"

    @property
    def text(self) -> str:
        said = f"Le {SUBJECT} {self.word} se signe devant le géomètre du cadastre."
        return f"{said} {self.filler}".rstrip()

    @property
    def author(self) -> str:
        return BEN if self.closed else ANA

    @property
    def readers(self) -> frozenset[str]:
        return MEMBERS if self.closed else EVERYBODY


@functools.cache
def ensure_people() -> SambaServer:
    """The directory of the agents; started at the first call."""
    samba = ensure_samba()
    for agent, name in NAMES.items():
        given, _, family = name.partition(" ")
        samba.add_user(agent, given, family, mail=email(agent))
    samba.add_group(CLOSED, sorted(MEMBERS))
    samba.add_group(SERVICE, sorted(EVERYBODY))
    return samba


Rights = Literal["none", "closed", "all"]

Post = Callable[[str, Any, str], Any]
"""Sends JSON to a path of a place's own API, with a token; what it answered."""


class MixedSource(Protocol):
    """A source of one kind, on its server. `name` is the source's own, in the settings.

    It is made with what ends its server's part with the test, and a folder of its own; settings are
    read in the folder above.
    """

    name: ClassVar[str]
    accounts: ClassVar[Mapping[str, str]]
    """Who holds which account of the source, where no rule of it says so: name to agent."""
    from_directory: ClassVar[Rights]
    """Of which of its documents the directory's groups say who reads them."""

    def __init__(self, stack: ExitStack, folder: Path) -> None: ...

    def settings(self) -> str:
        """The table that an operator adds to quisait.toml."""
        ...

    def put(self, documents: Sequence[Planted]) -> None: ...

    def close(self, document: Planted) -> None:
        """From now on the members alone read it."""
        ...

    def delete(self, document: Planted) -> None: ...

    def deliver(self, place: Place, post: Post) -> None:
        """Prepare this place for a crawl; most sources do nothing."""
        ...


class _Asked:
    """A source that quisait asks: nothing has to be delivered."""

    accounts: ClassVar[Mapping[str, str]] = {}
    from_directory: ClassVar[Rights] = "closed"

    def deliver(self, place: Place, post: Post) -> None:
        pass


def table(name: str, kind: str, options: Mapping[str, Any] | None = None, **given: Any) -> str:
    """The table of a source, as TOML."""
    lines = ["", "[[sources]]", f'name = "{name}"', f'kind = "{kind}"']
    lines += [f"{key} = {toml(value)}" for key, value in given.items()]
    if options:
        lines += ["[sources.options]", *(f"{toml(k)} = {toml(v)}" for k, v in options.items())]
    return "\n".join(lines) + "\n"


def toml(value: Any) -> str:
    """A value in TOML; its strings are JSON's."""
    if isinstance(value, Mapping):
        inside = ", ".join(f"{toml(key)} = {toml(one)}" for key, one in value.items())
        return f"{{ {inside} }}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value, ensure_ascii=False)


def record(document: Planted, author: str = "") -> dict[str, Any]:
    """A line of an export, or an item that is pushed."""
    return {
        "type": "page",
        "id": document.word,
        "title": document.title,
        "text": document.text,
        "url": f"https://forum.exemple/{document.word}",
        "author": author or document.author,
        "created": "2026-01-15T09:00:00+01:00",
        "readers": {"allowed": [CLOSED_PRINCIPAL if document.closed else "everyone"]},
    }


def closed(document: Planted) -> Planted:
    """The same, once it is closed: its author stays."""
    return Planted(document.source, document.name, closed=True, moves=document.moves)


class _Files(_Asked):
    """Files in a folder of this machine, with one table of rules; each has its row."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rules: dict[str, tuple[str, str]] = {}

    def put(self, documents: Sequence[Planted]) -> None:
        for one in documents:
            (self.root / self._file(one)).write_text(f"# {one.title}\n\n{one.text}\n", "utf-8")
            self.rules[self._file(one)] = (_allowed(one), one.author)
        self._write()

    def close(self, document: Planted) -> None:
        self.rules[self._file(document)] = (CLOSED_PRINCIPAL, document.author)
        self._write()

    def delete(self, document: Planted) -> None:
        (self.root / self._file(document)).unlink()

    def _file(self, document: Planted) -> str:
        return f"{document.word}.md"

    def _write(self) -> None:
        rows = [f"{name},{allowed},{author}" for name, (allowed, author) in self.rules.items()]
        text = "\n".join(["pattern,allowed,author", *rows])
        (self.root / "_quisait.csv").write_text(f"{text}\n", "utf-8")


def _allowed(document: Planted) -> str:
    return CLOSED_PRINCIPAL if document.closed else "everyone"


class FolderSource(_Files):
    name: ClassVar[str] = "notes"

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        folder.mkdir()
        super().__init__(folder)

    def settings(self) -> str:
        return table(self.name, "folder", path=str(self.root), join=["uid"])


class DavSource(_Files):
    name: ClassVar[str] = "nuage"

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.served: DavFolder = stack.enter_context(ensure_dav().folder())
        self.secret = _secret(folder, dav_server.PASSWORD)
        super().__init__(self.served.path)

    def settings(self) -> str:
        options = {"url": self.served.url, "user": dav_server.USER, "rate_per_s": 100}
        return table(self.name, "webdav", options, join=["uid"], password_file=str(self.secret))


def _secret(folder: Path, secret: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "secret"
    path.write_text(f"{secret}\n", "utf-8")
    path.chmod(0o600)
    return path


class ExportSource(_Asked):
    name: ClassVar[str] = "registre"

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        folder.mkdir()
        self.file = folder / "export.jsonl"
        self.records: dict[str, dict[str, Any]] = {}
        self._write()

    def settings(self) -> str:
        return table(self.name, "export", path=str(self.file), join=["uid"])

    def put(self, documents: Sequence[Planted]) -> None:
        self.put_records(map(record, documents))

    def put_records(self, records: Iterable[dict[str, Any]]) -> None:
        self.records |= {one["id"]: one for one in records}
        self._write()

    def close(self, document: Planted) -> None:
        self.records[document.word]["readers"] = {"allowed": [CLOSED_PRINCIPAL]}
        self._write()

    def delete(self, document: Planted) -> None:
        del self.records[document.word]
        self._write()

    def _write(self) -> None:
        lines = [{"type": "header", "version": 1, "complete": True}, *self.records.values()]
        text = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)
        self.file.write_text(text, "utf-8")


class PushSource:
    """Pushes of an application: each place gets all documents, with its own token."""

    name: ClassVar[str] = "forum"
    accounts: ClassVar[Mapping[str, str]] = {}
    from_directory: ClassVar[Rights] = "closed"

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.items: list[dict[str, Any]] = []
        self.sent: dict[Path, int] = {}
        self.tokens: dict[Path, str] = {}

    def settings(self) -> str:
        return table(self.name, "push", join=["uid"])

    def put(self, documents: Sequence[Planted]) -> None:
        self.items += map(record, documents)

    def close(self, document: Planted) -> None:
        readers = {"allowed": [CLOSED_PRINCIPAL]}
        self.items.append({"type": "access", "id": document.word, "readers": readers})

    def delete(self, document: Planted) -> None:
        self.items.append({"type": "deleted", "id": document.word})

    def deliver(self, place: Place, post: Post) -> None:
        if place.folder not in self.tokens:
            made = place.run("push", "token", "add", self.name, "--label", "Essai")
            self.tokens[place.folder] = made.stdout.strip()
        begin = self.sent.get(place.folder, 0)
        self.sent[place.folder] = len(self.items)
        for at in range(begin, len(self.items), 50):
            body = {"documents": self.items[at : min(at + 50, len(self.items))]}
            answer = post(f"/api/v1/push/{self.name}", body, self.tokens[place.folder])
            assert answer["accepted"] == len(body["documents"]), answer


class ShareSource(_Asked):
    """Files of a Windows share, with access lists and owners."""

    name: ClassVar[str] = "partage"
    from_directory: ClassVar[Rights] = "all"
    share: ClassVar[str] = "projets"

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.samba = ensure_people()
        self.folder = f"mixte-{len(list(self.samba.folder(self.share).glob('mixte-*')))}"
        made = self.samba.folder(self.share) / self.folder
        made.mkdir()
        made.chmod(0o755)  # an application that is open in this process lets nobody else in
        self.secret = _secret(folder, PASSWORD)

    def settings(self) -> str:
        options = {
            "url": f"smb://{self.samba.address}/{self.share}/{self.folder}",
            "user": rf"DGFIP\{READER}",
            "share_allowed": ["everyone"],
            "protocol": "ntlm",
        }
        return table(self.name, "smb", options, join=["sid"], password_file=str(self.secret))

    def put(self, documents: Sequence[Planted]) -> None:
        for one in documents:
            content = f"{one.title}\n\n{one.text}\n".encode()
            self.samba.write(self.share, self._path(one), content, self._list(one), one.author)

    def close(self, document: Planted) -> None:
        self.samba.set_list(self.share, self._path(document), self._list(closed(document)))

    def delete(self, document: Planted) -> None:
        (self.samba.folder(self.share) / self._path(document)).unlink()

    def _path(self, document: Planted) -> str:
        return f"{self.folder}/{document.word}.txt"

    def _list(self, document: Planted) -> list[bytes]:
        group = CLOSED if document.closed else SERVICE
        return [ace(self.samba.sids[name], NEEDED) for name in (group, READER)]


def mail(document: Planted, *, answer: bool, date: str = "Mon, 2 Mar 2026 10:0{}:00 +0100") -> str:
    """The question that somebody of its readers asks, or its author's answer."""
    sender = document.author if answer else DAN
    answers = f"In-Reply-To: <q-{document.word}@exemple.fr>\n" if answer else ""
    name = "a" if answer else "q"
    return (
        f"Message-ID: <{name}-{document.word}@exemple.fr>\n{answers}"
        f"Date: {date.format(int(answer))}\nFrom: {NAMES[sender].split()[0]} <{email(sender)}>\n"
        f"Subject: {'Re: ' if answer else ''}{document.title}\n"
        "Content-Type: text/plain; charset=utf-8\n\n"
        + (f"{document.text}\n" if answer else "Qui le signe ?\n")
    )


class MailboxSource(_Asked):
    """A shared mailbox: a folder for everybody, and one for whom its own access list names."""

    name: ClassVar[str] = "boite"
    from_directory: ClassVar[Rights] = "none"
    open, closed = "Résolues", "Fraude"

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.server = ensure_dovecot()
        self.user = f"mixte-{folder.parent.name}"
        self.secret = _secret(folder, dovecot_server.PASSWORD)
        self.client: IMAPClient = stack.enter_context(self.server.account(self.user))
        for one in (self.open, self.closed):
            self.client.create_folder(one)
        for agent in MEMBERS:
            self.client.setacl(self.closed, agent, "lr")

    def settings(self) -> str:
        options = {
            "host": "127.0.0.1",
            "port": self.server.tls_port,
            "ca_file": self.server.ca_file,
            "user": self.user,
            "folders": {self.open: ["everyone"], self.closed: "acl"},
            "evidence": "yes",
            "rate_per_s": 100,
        }
        return table(
            self.name, "mailbox", options, join=["uid", "email"], password_file=str(self.secret)
        )

    def put(self, documents: Sequence[Planted]) -> None:
        for one in documents:
            for answer in (False, True):
                where = self.closed if one.closed else self.open
                raw = mail(one, answer=answer).replace("\n", "\r\n")
                self.client.append(where, raw.encode())

    def close(self, document: Planted) -> None:
        self.client.move(self._both(document), self.closed)

    def delete(self, document: Planted) -> None:
        self.client.delete_messages(self._both(document))
        self.client.expunge()

    def _both(self, document: Planted) -> list[int]:
        self.client.select_folder(self.open)
        return list(self.client.search(["SUBJECT", document.word]))


class ListsSource(_Asked):
    """Archives of an open list, and of one that its members alone read."""

    name: ClassVar[str] = "listes"
    from_directory: ClassVar[Rights] = "none"

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.lists: dict[str, dict[str, str]] = {"ouverte": {}, "fermee": {}}
        (folder / "membres").write_text("".join(f"{email(one)}\n" for one in MEMBERS), "utf-8")
        self._write()

    def settings(self) -> str:
        here = self.folder
        lists = {
            "ouverte": {"path": str(here / "ouverte.mbox"), "readers": ["everyone"]},
            "fermee": {
                "path": str(here / "fermee.mbox"),
                "members": str(here / "membres"),
                "readers": ["everyone"],
            },
        }
        return table(self.name, "lists", {"lists": lists}, join=["email"])

    def put(self, documents: Sequence[Planted]) -> None:
        for one in documents:
            for answer in (False, True):
                raw = mail(one, answer=answer)
                self.lists["fermee" if one.closed else "ouverte"][raw.partition("\n")[0]] = raw
        self._write()

    def close(self, document: Planted) -> None:
        self.lists["fermee"] |= self._taken(document)
        self._write()

    def delete(self, document: Planted) -> None:
        self._taken(document)
        self._write()

    def _taken(self, document: Planted) -> dict[str, str]:
        both = [key for key in self.lists["ouverte"] if f"-{document.word}@" in key]
        return {key: self.lists["ouverte"].pop(key) for key in both}

    def _write(self) -> None:
        for name, mails in self.lists.items():
            begins = "From ana@exemple.fr Mon Mar  2 10:00:00 2026\n"
            text = "\n".join(begins + one for one in mails.values())
            (self.folder / f"{name}.mbox").write_text(text, "utf-8")


@functools.cache
def matrix_people() -> Mapping[str, MatrixAccount]:
    """Accounts named as the agents are; each can be made once."""
    return {agent: ensure_matrix().account(agent) for agent in NAMES}


class MatrixSource(_Asked):
    """Rooms: one for everybody, one for the members, one for each document that will move."""

    name: ClassVar[str] = "tchap"
    from_directory: ClassVar[Rights] = "none"

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.server, self.people = ensure_matrix(), matrix_people()
        self.reader = self.server.account()
        self.secret = _secret(folder, self.reader.token)
        self.rooms: dict[str, str] = {}
        self.said: dict[str, tuple[str, str, str]] = {}

    def settings(self) -> str:
        options = {"url": self.server.url, "evidence": "yes"}
        return table(self.name, "matrix", options, join=["uid"], password_file=str(self.secret))

    def put(self, documents: Sequence[Planted]) -> None:
        for one in documents:
            room = self._room(one)
            asked = self.people[DAN].say(room, f"Qui signe pour {one.word} ?")
            answered = self.people[one.author].say(room, one.text, reply=asked)
            self.said[one.word] = (room, asked, answered)

    def close(self, document: Planted) -> None:
        for agent in EVERYBODY - MEMBERS:
            self.people[agent].leave(self.said[document.word][0])

    def delete(self, document: Planted) -> None:
        room, asked, answered = self.said[document.word]
        self.people[document.author].redact(room, answered)
        self.people[DAN].redact(room, asked)

    def _room(self, document: Planted) -> str:
        key = document.word if document.moves else "Fraude" if document.closed else "Cadastre"
        if key not in self.rooms:
            inside = sorted(document.readers - {BEN})
            members = [self.people[one] for one in inside]
            name = "Salon" if document.moves else key
            room = self.people[BEN].create(name, self.reader, *members)
            for one in members:
                one.join(room)
            self.rooms[key] = room
        return self.rooms[key]


class WikiSource(_Asked):
    """Pages of a namespace that everybody reads, and of one that the settings close."""

    name: ClassVar[str] = "wiki"
    accounts: ClassVar[Mapping[str, str]] = {wiki_server.EDITOR: ANA, wiki_server.ADMIN: BEN}

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.wiki: WikiServer = ensure_wiki()
        self.wiki.reset()
        self.wiki.configure("$wgRateLimits = [];")  # a benchmark edits many pages
        self.secret = _secret(folder, wiki_server.PASSWORD)

    def settings(self) -> str:
        return table(
            self.name,
            "mediawiki",
            url=f"{self.wiki.url}api.php",
            user=wiki_server.READER,
            rate_per_s=0,
            allowed=["everyone"],
            namespaces={"Équipe": [CLOSED_PRINCIPAL]},
            reader_groups=True,
            password_file=str(self.secret),
        )

    def put(self, documents: Sequence[Planted]) -> None:
        editors = {agent: name for name, agent in self.accounts.items()}
        for one in documents:
            self.wiki.edit(self._title(one), one.text, editors[one.author])

    def close(self, document: Planted) -> None:
        self.wiki.move(self._title(document), self._title(closed(document)), noredirect=1)

    def delete(self, document: Planted) -> None:
        self.wiki.delete(self._title(document))

    def _title(self, document: Planted) -> str:
        return f"{'Équipe:' if document.closed else ''}{document.title}"


PAGE = (
    "<html><head><title>{title}</title><meta name='author' content='{author}'></head><body>"
    "<nav>Accueil</nav><main><article><h1>{title}</h1><p>{text}</p></article></main></body></html>"
)


class SiteSource(_Asked):
    """Pages that a site's map names, in a section for everybody and one for members."""

    name: ClassVar[str] = "intranet"
    accounts: ClassVar[Mapping[str, str]] = {name: agent for agent, name in NAMES.items()}

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        (folder / "fraude").mkdir(parents=True)
        self.folder = folder
        self.url = stack.enter_context(served_folder(folder))

    def settings(self) -> str:
        options = {
            "url": self.url,
            "rate_per_s": 50,
            "sections": {"/fraude/": [CLOSED_PRINCIPAL]},
        }
        return table(self.name, "site", options, allowed=["everyone"])

    def put(self, documents: Sequence[Planted]) -> None:
        for one in documents:
            page = PAGE.format(title=one.title, author=NAMES[one.author], text=one.text)
            (self.folder / self._path(one)).write_text(page, "utf-8")
        self._map()

    def close(self, document: Planted) -> None:
        former = self.folder / self._path(document)
        former.rename(self.folder / self._path(closed(document)))
        self._map()

    def delete(self, document: Planted) -> None:
        (self.folder / self._path(document)).unlink()
        self._map()

    def _path(self, document: Planted) -> str:
        return f"{'fraude/' if document.closed else ''}{document.word}.html"

    def _map(self) -> None:
        pages = sorted(str(one.relative_to(self.folder)) for one in self.folder.rglob("*.html"))
        write_sitemap(self.folder, self.url, pages)


ENTRY = (
    "<entry><id>urn:{word}</id><title>{title}</title><updated>2026-01-15T09:00:00Z</updated>"
    "<link href='/{word}'/><author><name>{author}</name></author>"
    "<content type='text'>{text}</content></entry>"
)


class FeedSource(_Asked):
    """Entries of two feeds, one for everybody and one for the members."""

    name: ClassVar[str] = "actualites"
    accounts: ClassVar[Mapping[str, str]] = SiteSource.accounts

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        folder.mkdir()
        self.folder, self.url = folder, stack.enter_context(served_folder(folder))
        self.feeds: dict[str, dict[str, Planted]] = {"ouvert.xml": {}, "ferme.xml": {}}
        self._write()

    def settings(self) -> str:
        options = {
            "url": self.url,
            "rate_per_s": 50,
            "feeds": [*self.feeds],
            "readers": {"ferme.xml": [CLOSED_PRINCIPAL]},
        }
        return table(self.name, "feed", options, allowed=["everyone"])

    def put(self, documents: Sequence[Planted]) -> None:
        for one in documents:
            self.feeds["ferme.xml" if one.closed else "ouvert.xml"][one.word] = one
        self._write()

    def close(self, document: Planted) -> None:
        self.feeds["ferme.xml"][document.word] = self.feeds["ouvert.xml"].pop(document.word)
        self._write()

    def delete(self, document: Planted) -> None:
        del self.feeds["ouvert.xml"][document.word]
        self._write()

    def _write(self) -> None:
        for name, entries in self.feeds.items():
            inside = "".join(
                ENTRY.format(
                    word=one.word,
                    title=escape(one.title),
                    author=NAMES[one.author],
                    text=escape(one.text),
                )
                for one in entries.values()
            )
            feed = f'<feed xmlns="http://www.w3.org/2005/Atom"><title>F</title>{inside}</feed>'
            (self.folder / name).write_text(feed, "utf-8")


class WordPressSource(_Asked):
    """Posts, some in a category that the settings close."""

    name: ClassVar[str] = "blog"
    accounts: ClassVar[Mapping[str, str]] = SiteSource.accounts

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.site = ensure_wordpress()
        self.site.reset()
        self.secret = _secret(folder, self.site.passwords[wordpress_server.ADMIN])
        self.category = self.site.act("POST", "categories", name="Fraude", slug="fraude")["id"]
        said: dict[str, Any] = {"password": PASSWORD, "roles": ["author"]}
        writers = [
            {"username": one, "name": NAMES[one], "email": email(one)} | said for one in (ANA, BEN)
        ]
        made = [self.site.act("POST", "users", **one)["id"] for one in writers]
        self.writers = dict(zip((ANA, BEN), made, strict=True))
        self.numbers: dict[str, int] = {}

    def settings(self) -> str:
        options = {
            "url": self.site.url,
            "user": wordpress_server.ADMIN,
            "categories": {"fraude": [CLOSED_PRINCIPAL]},
            "rate_per_s": 50,
        }
        return table(
            self.name, "wordpress", options, allowed=["everyone"], password_file=str(self.secret)
        )

    def put(self, documents: Sequence[Planted]) -> None:
        posts = [
            {
                "title": one.title,
                "content": one.text,
                "status": "publish",
                "author": self.writers[one.author],
                "categories": [self.category] if one.closed else [],
            }
            for one in documents
        ]
        made = self.site.act_together([("POST", "posts", said) for said in posts])
        self.numbers |= {one.word: post["id"] for one, post in zip(documents, made, strict=True)}

    def close(self, document: Planted) -> None:
        self.site.act("POST", f"posts/{self.numbers[document.word]}", categories=[self.category])

    def delete(self, document: Planted) -> None:
        self.site.act("DELETE", f"posts/{self.numbers[document.word]}")


class WagtailSource(_Asked):
    """Pages, some below a page whose section the settings close."""

    name: ClassVar[str] = "portail"
    accounts: ClassVar[Mapping[str, str]] = SiteSource.accounts

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.site = ensure_wagtail()
        self.site.reset()
        self.above = self.site.act("add", kind="mute", title="Fraude", slug="fraude")
        self.numbers: dict[str, int] = {}

    def settings(self) -> str:
        options = {
            "url": self.site.api,
            "types": ["notes.NotePage"],
            "sections": {"/fraude/": [CLOSED_PRINCIPAL]},
            "rate_per_s": 50,
        }
        return table(self.name, "wagtail", options, allowed=["everyone"])

    def put(self, documents: Sequence[Planted]) -> None:
        pages = [
            {
                "title": one.title,
                "slug": one.word,
                "intro": one.text,
                "author": NAMES[one.author],
                "parent": self.above if one.closed else 0,
            }
            for one in documents
        ]
        made = self.site.act_together(*(("add", said) for said in pages))
        self.numbers |= {one.word: page for one, page in zip(documents, made, strict=True)}

    def close(self, document: Planted) -> None:
        self.site.act("move", page=self.numbers[document.word], parent=self.above)

    def delete(self, document: Planted) -> None:
        self.site.act("delete", page=self.numbers[document.word])


class ArchivesSource(_Asked):
    """Lists of a Mailman 3: a public one, and a private one that its members alone read."""

    name: ClassVar[str] = "archives"
    from_directory: ClassVar[Rights] = "none"

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.server = ensure_hyperkitty()
        self.open = self.server.new_list("public")
        self.closed = self.server.new_list("private", *sorted(MEMBERS))
        self.secret = _secret(folder / "archives", hyperkitty_server.PASSWORD)
        self.core_secret = _secret(folder / "mailman", hyperkitty_server.CORE_PASSWORD)

    def settings(self) -> str:
        options = {
            "url": self.server.url,
            "user": hyperkitty_server.READER,
            "core_url": self.server.core_url,
            "core_password_file": str(self.core_secret),
            "rate_per_s": 100,
            "lists": {self.open: {}, self.closed: {}},
        }
        return table(
            self.name,
            "hyperkitty",
            options,
            allowed=["everyone"],
            join=["email"],
            password_file=str(self.secret),
        )

    def put(self, documents: Sequence[Planted]) -> None:
        for one in documents:
            for answer in (False, True):
                raw = mail(one, answer=answer).encode()
                self.server.archive(self.closed if one.closed else self.open, raw)

    def close(self, document: Planted) -> None:
        self.delete(document)
        for answer in (False, True):
            self.server.archive(self.closed, mail(document, answer=answer).encode())

    def delete(self, document: Planted) -> None:
        for letter in "aq":
            message = f"{letter}-{document.word}@exemple.fr"
            self.server.act("delete", mlist=self.open, message=message)


class RedmineSource(_Asked):
    """Issues of a project of which all are members, and of one of the members' own."""

    name: ClassVar[str] = "suivi"
    accounts: ClassVar[Mapping[str, str]] = {"ana": ANA, "ben": BEN, "cyd": CYD, "dan": DAN}
    from_directory: ClassVar[Rights] = "none"

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.server = ensure_redmine()
        self.logins = {agent: login for login, agent in self.accounts.items()}
        self.open, self.closed = (self._project(who) for who in (EVERYBODY, MEMBERS))
        self.secret = _secret(folder, redmine_server.KEYS["lecteur"])
        self.numbers: dict[str, int] = {}

    def _project(self, members: Iterable[str]) -> dict[str, Any]:
        made = self.server.project()
        for one in sorted(members):
            self.server.member(made["id"], self.server.user(self.logins[one]), "Membre")
        return made

    def settings(self) -> str:
        options = {
            "url": self.server.url,
            "projects": [self.open["identifier"], self.closed["identifier"]],
            "trackers": ["*"],
            "rate_per_s": 100,
        }
        return table(self.name, "redmine", options, password_file=str(self.secret))

    def put(self, documents: Sequence[Planted]) -> None:
        for one in documents:
            project = (self.closed if one.closed else self.open)["id"]
            made = self.server.issue(project, one.title, by="dan", description="Qui le signe ?")
            self.server.note(made, one.text, by=self.logins[one.author], status_id=_CLOSED_ISSUE)
            self.numbers[one.word] = made

    def close(self, document: Planted) -> None:
        said = {"issue": {"project_id": self.closed["id"]}}
        self.server.ask("PUT", f"issues/{self.numbers[document.word]}.json", said)

    def delete(self, document: Planted) -> None:
        self.server.ask("DELETE", f"issues/{self.numbers[document.word]}.json")


_CLOSED_ISSUE = 5


class GitSource(_Asked):
    """Pages of a git repository, some in a folder that a table of rules closes."""

    name: ClassVar[str] = "depot"

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        folder.mkdir()
        self.work = Work(folder)
        self.rules = folder / "regles.csv"
        rules = f"pattern,allowed\n**,everyone\nfraude/**,{CLOSED_PRINCIPAL}\n"
        self.rules.write_text(rules, "utf-8")

    def settings(self) -> str:
        options = {"url": str(self.work.bare), "rules": str(self.rules)}
        return table(self.name, "git", options, join=["email"])

    def put(self, documents: Sequence[Planted]) -> None:
        for author in (ANA, BEN):
            theirs = [one for one in documents if one.author == author]
            for one in theirs:
                self.work.write(self._path(one), f"# {one.title}\n\n{one.text}\n")
            if theirs:
                self.work.push(author, email(author))

    def close(self, document: Planted) -> None:
        former = self.work.copy / self._path(document)
        (self.work.copy / "fraude").mkdir(exist_ok=True)
        former.rename(self.work.copy / self._path(closed(document)))
        self.work.push(CYD, email(CYD))

    def delete(self, document: Planted) -> None:
        (self.work.copy / self._path(document)).unlink()
        self.work.push(CYD, email(CYD))

    def _path(self, document: Planted) -> str:
        return f"{'fraude/' if document.closed else ''}{document.word}.md"


class DokuWikiSource(_Asked):
    """Pages in the folders of a DokuWiki, some in a namespace that its rules close."""

    name: ClassVar[str] = "metier"

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.data, self.conf = folder / "data", folder / "conf"
        for below in ("pages/fraude", "meta/fraude", "media"):
            (self.data / below).mkdir(parents=True)
        self.conf.mkdir()
        rules = "*\t@ALL\t1\nfraude:*\t@ALL\t0\nfraude:*\t@fraude\t1\n"
        (self.conf / "acl.auth.php").write_text(rules, "utf-8")

    def settings(self) -> str:
        options: dict[str, Any] = {"path": str(self.data), "rules": str(self.conf)}
        options |= {"link": "https://wiki.exemple/", "groups": {"fraude": CLOSED_PRINCIPAL}}
        return table(self.name, "dokuwiki", options, allowed=["everyone"], join=["uid"])

    def put(self, documents: Sequence[Planted]) -> None:
        for one in documents:
            page, changes = self._paths(one)
            page.write_text(f"====== {one.title} ======\n\n{one.text}\n", "utf-8")
            line = f"1768464000\t127.0.0.1\tC\t{one.word}\t{one.author}\tcréation\t\t\n"
            changes.write_text(line, "utf-8")

    def close(self, document: Planted) -> None:
        for former, new in zip(self._paths(document), self._paths(closed(document)), strict=True):
            former.rename(new)

    def delete(self, document: Planted) -> None:
        self._paths(document)[0].unlink()

    def _paths(self, document: Planted) -> tuple[Path, Path]:
        name = f"{'fraude/' if document.closed else ''}{document.word}"
        return self.data / f"pages/{name}.txt", self.data / f"meta/{name}.changes"


class CmisSource(_Asked):
    """Documents of a CMIS repository with access lists, written by their authors' accounts."""

    name: ClassVar[str] = "ged"

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.served = stack.enter_context(ensure_cmis().folder())
        self.secret = _secret(folder, cmis_server.PASSWORD)

    def settings(self) -> str:
        options = {
            "url": self.served.server.url,
            "user": cmis_server.USER,
            "folder": self.served.path,
            "anyone": "everyone",
            "group_authority": "ldap",
            "rate_per_s": 200,
        }
        return table(self.name, "cmis", options, join=["uid"], password_file=str(self.secret))

    def put(self, documents: Sequence[Planted]) -> None:
        for one in documents:
            self.served.write(self._path(one), f"{one.title}\n\n{one.text}\n", by=one.author)
            self._let_read(one, closed=one.closed)

    def close(self, document: Planted) -> None:
        self._let_read(document, closed=True)

    def delete(self, document: Planted) -> None:
        self.served.delete(self._path(document))

    def _let_read(self, document: Planted, *, closed: bool) -> None:
        self.served.let_read(self._path(document), f"GROUP_{CLOSED}" if closed else "anyone")

    def _path(self, document: Planted) -> str:
        return f"{document.word}.txt"


SOURCES: Sequence[type[MixedSource]] = (
    FolderSource,
    ExportSource,
    PushSource,
    ShareSource,
    DavSource,
    MailboxSource,
    ListsSource,
    MatrixSource,
    WikiSource,
    SiteSource,
    FeedSource,
    WordPressSource,
    WagtailSource,
    ArchivesSource,
    RedmineSource,
    GitSource,
    DokuWikiSource,
    CmisSource,
)


def directory_settings() -> Mapping[str, Any]:
    """Return the table [ldap] as an operator fills it in after `quisait init`."""
    people = ensure_people()
    return {
        "urls": [people.tls_url],
        "ca_file": people.ca_file,
        "user": rf"DGFIP\{READER}",
        "password": PASSWORD,
        "active_directory": True,
        "agents_base": SUFFIX,
        "groups_base": SUFFIX,
    }


def accounts_table(sources: Iterable[MixedSource]) -> str:
    """The accounts that no rule joins, as CSV."""
    rows = [f"{one.name}:{name},{who}\n" for one in sources for name, who in one.accounts.items()]
    return "".join(["account,agent\n", *rows])
