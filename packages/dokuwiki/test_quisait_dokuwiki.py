"""A wiki's folders, as DokuWiki writes them, and its rights, as its own functions see them."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random

import pytest
from quisait_connector_kit.connector_contract import (
    ConnectorHarness,
    apply,
    check_rights_then_text,
    read,
)
from quisait_connector_kit.lying_connectors import with_listed_rights
from quisait_connector_kit.memory_seen import MemorySeen
from quisait_dokuwiki.connector import KIND, DokuWikiOptions, DokuWikiSource
from quisait_dokuwiki.markup import sections_of
from quisait_dokuwiki.rights import AccessRules, User, read_users

from connectors.installed import SourcePlace
from connectors.ports import Malformed, SourceRefused, SourceUnreachable, Unlisted
from connectors.snapshot import Snapshot
from connectors.values import Access, Contribution, ContributorRole, Document, Section
from tests.dokuwiki_rights import permissions

pytestmark = [pytest.mark.sources, pytest.mark.trust]

Check = Callable[[ConnectorHarness], None]
GROUPS = {"a": "test:group:a", "b": "test:group:b"}
WRITTEN = {"everyone": "@ALL", "test:group:a": "@a", "test:group:b": "@b"}
HEAD = "# acl.auth.php\n# <?php exit()?>\n*\t@ALL\t0\n"


@dataclass
class WikiFolders:
    """The folders of a wiki whose rules name each page."""

    root: Path
    readers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    extra: str = ""
    seen: MemorySeen = field(default_factory=MemorySeen)
    resumable_count: int = 450
    options: DokuWikiOptions = field(
        default_factory=lambda: DokuWikiOptions(
            path="data", rules="conf", link="https://wiki.exemple/", groups=GROUPS
        )
    )

    def __post_init__(self) -> None:
        for folder in ("data/pages", "data/media", "data/meta", "conf"):
            (self.root / folder).mkdir(parents=True)
        self.write_rules()

    def source(self) -> DokuWikiSource:
        place = SourcePlace("t", self.root, Access(frozenset({"everyone"})), lambda: "")
        opened = KIND.open(place, self.options)
        assert isinstance(opened, DokuWikiSource)
        return opened

    def connector(self) -> Snapshot:
        return Snapshot(self.source(), self.seen)

    def write_rules(self) -> None:
        lines = [f"{p}\t{WRITTEN[r]}\t1\n" for p, some in self.readers.items() for r in some]
        lines += [f"{page}\t@ALL\t0\n" for page in self.readers]
        (self.root / "conf/acl.auth.php").write_text(HEAD + "".join(lines) + self.extra, "utf-8")

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")

    def document_id(self, name: str) -> str:
        return f"t:{name}"

    def add(self, name: str, text: str, allowed: tuple[str, ...]) -> None:
        self.write(f"data/pages/{name.replace(':', '/')}.txt", text)
        self.set_readers(name, allowed)

    def set_readers(self, name: str, allowed: tuple[str, ...]) -> None:
        if self.readers.get(name) != allowed:
            self.readers[name] = allowed
            self.write_rules()

    def remove(self, name: str) -> None:
        (self.root / f"data/pages/{name}.txt").unlink()

    def add_invalid_records(self) -> int:
        (self.root / "data/pages/loin.txt").symlink_to("/etc/hostname")
        self.write("data/pages/_modele.txt", "Un modèle.")
        self.write("data/pages/Majuscule.txt", "DokuWiki ne la montre pas.")
        self.extra = "autre\t@inconnu\t1\nautre\t@absent\t0\n"
        self.write_rules()
        return 2

    def add_complete_document(self) -> Document:
        text = "====== Le bornage ======\n\nIl fixe la [[limite|limite]].\n"
        self.write("data/pages/cadastre/%C3%A9t%C3%A9.txt", text)
        moments = [int(datetime(2019, 5, day, tzinfo=UTC).timestamp()) for day in (4, 5, 6, 7)]
        kinds = ("C", "E", "e", "E")
        logins = ("ana", "ben", "cyd", "")
        lines = [
            f"{at}\t10.0.0.1\t{kind}\tcadastre:été\t{login}\tdit\t\t1\n"
            for at, kind, login in zip(moments, kinds, logins, strict=True)
        ]
        self.write("data/meta/cadastre/%C3%A9t%C3%A9.changes", "".join(lines))
        self.set_readers("cadastre:été", ("test:group:a",))
        may = {day: date(2019, 5, day) for day in (4, 5)}
        return Document(
            id="t:cadastre:été", source="t", title="Le bornage", kind="page", space="cadastre",
            access=Access(frozenset({"test:group:a"})),
            sections=(Section("Il fixe la limite.", "Le bornage"),),
            url="https://wiki.exemple/doku.php?id=cadastre:%C3%A9t%C3%A9",
            created=datetime(2019, 5, 4, tzinfo=UTC), modified=datetime(2019, 5, 7, tzinfo=UTC),
            contributions=(
                Contribution("t:ana", ContributorRole.AUTHOR, "", 1, may[4], may[4], ((2019, 1),)),
                Contribution("t:ben", ContributorRole.EDITOR, "", 1, may[5], may[5], ((2019, 1),)),
            ),
        )  # fmt: skip


@pytest.fixture
def harness(tmp_path: Path) -> WikiFolders:
    return WikiFolders(tmp_path)


def test_contract(connector_check: Check, harness: WikiFolders) -> None:
    connector_check(harness)


def test_contract_rejects_rights_of_the_listing(harness: WikiFolders) -> None:
    with pytest.raises(AssertionError):
        check_rights_then_text(with_listed_rights(harness))


def test_files_are_read_by_their_namespace(harness: WikiFolders) -> None:
    """A file has the readers of its namespace, whatever a rule says of a page of its name."""
    harness.write("data/media/cadastre/plan.txt", "Un plan.")
    harness.extra = "cadastre:*\t@a\t1\ncadastre:*\t@ALL\t0\ncadastre:plan.txt\t@ALL\t1\n"
    harness.write_rules()
    found = apply(read(harness))["t:media/cadastre/plan.txt"]
    assert (found.access.allowed, found.kind) == (frozenset({"test:group:a"}), "document")
    assert found.url.endswith("fetch.php?media=cadastre:plan.txt")


def test_what_is_not_there_is_never_empty(harness: WikiFolders) -> None:
    """A wiki without rules is refused; a folder that is not mounted deletes nothing."""
    (harness.root / "conf/acl.auth.php").unlink()
    with pytest.raises(SourceRefused):
        read(harness)
    harness.write_rules()
    (harness.root / "data/pages").rmdir()
    with pytest.raises(SourceUnreachable):
        read(harness)


def test_a_folder_that_cannot_be_listed_hides_what_is_below(
    harness: WikiFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.add("ferme:note", "Une note.", ("everyone",))
    assert apply(read(harness))["t:ferme:note"].access.allowed
    listed = "quisait_dokuwiki.connector.os.scandir"

    def refused(path: Path) -> object:
        if path.name == "ferme":
            raise PermissionError
        return original(path)

    original = os.scandir
    monkeypatch.setattr(listed, refused)
    unlisted = [one for one in harness.source().listing() if isinstance(one, Unlisted)]
    assert [one.root for one in unlisted] == ["t:ferme:"]


def test_unknown_groups_are_told(harness: WikiFolders) -> None:
    """A page whose rule denies an unknown group is closed, and this is reported."""
    harness.add("page", "Un texte.", ())
    harness.extra, harness.readers = "page\t@inconnu\t0\n*\t@a\t1\n", {}
    harness.write_rules()
    (found,) = apply(read(harness)).values()
    assert found.access == Access()
    assert [one.where for one in read(harness) if isinstance(one, Malformed)] == ["acl.auth.php"]
    assert "@inconnu" in " ".join(harness.source().check())


def test_another_way_to_sign_in_has_other_users(harness: WikiFolders) -> None:
    """The file of users counts only where the wiki signs in by it."""
    harness.add("page", "Un texte.", ())
    harness.extra, harness.readers = "page\t@compta\t1\n", {}
    harness.write_rules()
    users = "# <?php exit()?>\nana:$2y$x:Ana Le Goff:ana@exemple.fr:compta,user\n"
    harness.write("conf/users.auth.php", users)
    (found,) = apply(read(harness)).values()
    assert found.access.allowed == {"t:account:ana"}
    harness.write("conf/dokuwiki.php", "<?php\n$conf['authtype'] = 'authplain'; //which\n")
    (found,) = apply(read(harness), {found.id: found}).values()
    assert found.access.allowed
    for written in ("$conf['authtype'] = 'authldap';", '$conf [ "authtype" ]=$mine;'):
        harness.write("conf/local.php", f"<?php\n# $conf['authtype'] = 'x';\n{written}\n")
        (closed,) = apply(read(harness), {found.id: found}).values()
        assert closed.access == Access()
        harness.write("conf/local.php", "<?php\n// $conf['authtype'] = 'authldap';\n")
        (found,) = apply(read(harness), {closed.id: closed}).values()
        assert found.access.allowed


def test_text_has_no_marks() -> None:
    text = (
        "Avant.\n====== Un ======\n**Gras**, //penché//, ''fixe'' et http://a.exemple/b//c.\n"
        "===== Deux =====\n<code>\n====== pas un titre ======\n</code>\n"
        "^ Nom ^ Lien ^\n| x | [[ns:p|La page]] {{ns:f.png|Le plan}} |\n~~NOTOC~~\n"
        "====== Trois ======\nFin.((Une note))\n"
    )
    found = sections_of(text)
    assert [one.heading for one in found] == ["", "Un", "Un › Deux", "Trois"]
    assert found[1].text == "Gras, penché, fixe et http://a.exemple/bc."
    assert "====== pas un titre ======" in found[2].text
    assert "| x | La page Le plan |" in found[2].text
    assert found[3].text == "Fin. (Une note)"


USERS = {
    "ana": User("Ana", frozenset({"user", "rh"})),
    "ben": User("Ben", frozenset({"user"})),
    "cyd": User("Cyd", frozenset({"user", "rh", "it"})),
    "dan": User("Dan", frozenset()),
}
PAGES = ("p", "a:p", "a:b:p", "a:b:c:p", "user:ana:p", "user:ben:a:p", "rh:p", "it:b:p")
ABOUT = ("*", "p", "a:*", "a:p", "a:b:*", "a:b:p", "a:b:c:*", "user:*", "user:ana:*", "rh:*")
WILD = ("user:%USER%:*", "%GROUP%:*", "user:%USER%:p")
WHO = ("@ALL", "@user", "@rh", "@it", "@vide", "ana", "ben")


def drawn_rules(random: Random, *, denying_wildcards: bool) -> str:
    lines = []
    for _ in range(random.randrange(1, 10)):
        permission = random.choice((0, 0, 1, 2, 8, 16))
        about, who = random.choice(ABOUT), random.choice(WHO)
        if random.random() < 0.2:
            about = random.choice(WILD)
            who = random.choice(("%GROUP%" if "GROUP" in about else "%USER%", "@ALL"))
            permission = permission if denying_wildcards else max(permission, 1)
        lines.append(f"{about}\t{who}\t{permission}\n")
    return HEAD.replace("0", "1" if random.random() < 0.5 else "0") + "".join(lines)


def reads(access: Access, principals: set[str]) -> bool:
    return bool(access.allowed & principals) and not access.denied & principals


@pytest.mark.parametrize("seed", range(60))
def test_readers_are_those_whom_dokuwiki_lets_read(seed: int, tmp_path: Path) -> None:
    """Each user and guest, on each page, with the wiki's own groups: neither more nor fewer."""
    text = drawn_rules(Random(seed), denying_wildcards=False)
    (tmp_path / "acl").write_text(text, "utf-8")
    truth = permissions(tmp_path / "acl", {u: one.groups for u, one in USERS.items()}, PAGES)
    rules = AccessRules("t", frozenset({"everyone"}), {}, USERS)
    rules.add(text)
    ours = {
        user: {
            page: reads(rules.readers(page), {"everyone", f"t:account:{user}"}) for page in PAGES
        }
        for user in USERS
    }
    assert ours == {
        user: {page: level >= 1 for page, level in found.items()} for user, found in truth.items()
    }


@pytest.mark.parametrize("seed", range(60))
def test_groups_of_the_directory_never_open_more(seed: int, tmp_path: Path) -> None:
    """Some groups are the directory's, and one is unknown; what cannot be said is closed."""
    text = drawn_rules(Random(seed), denying_wildcards=True)
    (tmp_path / "acl").write_text(text, "utf-8")
    truth = permissions(tmp_path / "acl", {u: one.groups for u, one in USERS.items()}, PAGES)
    rules = AccessRules("t", frozenset({"everyone"}), {"rh": "d:g:rh", "user": "d:g:user"}, {})
    rules.add(text)
    for user, one in USERS.items():
        principals = {"everyone", f"t:account:{user}"} | {f"d:g:{group}" for group in one.groups}
        opened = {page for page in PAGES if reads(rules.readers(page), principals)}
        assert opened <= {page for page, level in truth[user].items() if level >= 1}, text


def test_users_are_read_with_their_escapes() -> None:
    text = "# c\nana\\:x:pw:Ana\\: Le Goff:a@b.fr:rh,user\nbancal:pw\n"
    assert read_users(text) == {"ana:x": User("Ana: Le Goff", frozenset({"rh", "user"}))}
