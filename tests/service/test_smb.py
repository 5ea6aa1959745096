"""Real shares: from the settings to a found file, its owner among who knows; faults, refusals."""

import os
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import pytest
from quisait_connector_kit.connector_contract import apply, last_cursor
from quisait_connector_kit.memory_seen import MemorySeen
from quisait_smb.client import SharePlace
from quisait_smb.connector import ShareSource
from quisait_smb.descriptors import NEEDED, read_descriptor
from quisait_smb.readers import NO_LIST, ORDER, UNKNOWN_DENIED, SidReading

from connectors.ports import (
    AccessChanged,
    Change,
    Checkpoint,
    Connector,
    ContentStale,
    Malformed,
    SourceRefused,
    SourceUnreachable,
    SubtreeHidden,
    Upsert,
)
from connectors.snapshot import Snapshot
from connectors.values import Access
from tests.cut_relay import relay
from tests.samba_server import (
    DOMAIN,
    PASSWORD,
    READER,
    SUFFIX,
    SambaServer,
    ace,
    descriptor,
    ensure_samba,
)
from tests.service.place import Place, make_place

pytestmark = [pytest.mark.sources, pytest.mark.trust]

DENY, INHERITED = 1, 0x10
SETTINGS = """
[ldap]
urls = ["{tls}"]
ca_file = "{ca}"
user = 'DGFIP\\lecteur'
active_directory = true
agents_base = "{base}"
groups_base = "{base}"

[[sources]]
name = "partage"
kind = "smb"
join = ["sid"]

[sources.options]
url = "smb://{address}/projets/unité"
user = 'DGFIP\\lecteur'
share_allowed = ["everyone"]
protocol = "ntlm"

[[sources]]
name = "autre"
kind = "smb"

[sources.options]
url = "smb://{address}/commun/autre"
user = 'DGFIP\\lecteur'
share_allowed = ["{direction}"]
protocol = "ntlm"
"""


@pytest.fixture(scope="module")
def samba() -> SambaServer:
    """People in groups in groups, and files that they may read, or not."""
    made = ensure_samba()
    for name, given, family in (("sm-ana", "Ana", "Le Goff"), ("sm-ben", "Ben", "Amrani")):
        made.add_user(name, given, family)
    made.add_user("sm-cyd", "Cyd", "Rossi")
    made.add_group("sm-cadastre", ["sm-ana", "sm-cyd"])
    made.add_group("sm-direction", ["sm-ben", "sm-cadastre"])
    sids = made.sids
    own = ace(sids[READER], NEEDED)

    def write(path: str, text: str, *aces: bytes, owner: str = "sm-ana") -> None:
        made.write("projets", f"unité/{path}", text.encode(), [*aces, own], owner)

    inherited = ace(sids["sm-direction"], 0x80000000, flags=INHERITED)
    write("bornage.txt", "Le bornage amiable se signe devant le géomètre.", inherited)
    refused = ace(sids["sm-cyd"], NEEDED, DENY)
    write(
        "note/carrousel.txt", "Le carrousel Zanzibar passe par trois sociétés.", refused, inherited
    )
    write("note/xylophone.txt", "Les congés du xylophone.", ace("S-1-5-32-545", NEEDED))
    made.write(
        "commun", "autre/tambour.txt", b"Une note sur le tambour.", [inherited, own], "sm-ben"
    )
    return made


@pytest.fixture(scope="module")
def place(samba: SambaServer, tmp_path_factory: pytest.TempPathFactory) -> Place:
    secrets = {"QUISAIT_LDAP__PASSWORD": PASSWORD}
    secrets |= {f"QUISAIT_PASSWORD_{name}": PASSWORD for name in ("PARTAGE", "AUTRE")}
    made = make_place(tmp_path_factory.mktemp("smb") / "place", **secrets)
    written = SETTINGS.format(
        tls=samba.tls_url,
        ca=samba.ca_file,
        base=SUFFIX,
        address=samba.address,
        direction=samba.sids["sm-direction"],
    )
    (made.folder / "quisait.toml").write_text(written, "utf-8")
    return made


def test_from_the_settings_to_a_found_file(place: Place) -> None:
    """Tried, read, found by whom its list admits through groups; its owner is who knows."""
    checked = place.run("check").stdout
    assert "S-1-5-32-545" in checked
    place.run("crawl")

    def found(words: str, agent: str) -> set[str]:
        answer = place.json("search", words, "--agent", agent)
        return {one["id"] for one in answer["documents"]}

    bornage, carrousel = "partage:bornage.txt", "partage:note/carrousel.txt"
    everything = "bornage amiable Zanzibar xylophone"
    assert found(everything, "sm-ana") == {bornage, carrousel}
    assert found(everything, "sm-cyd") == {bornage}
    assert found("tambour", "sm-ben") == {"autre:tambour.txt"}
    known = place.json("experts", "bornage amiable", "--agent", "sm-ben")["candidates"]
    assert [one["agent"]["id"] for one in known] == ["sm-ana"]


@pytest.fixture
def tree(samba: SambaServer) -> Iterator[Snapshot]:
    """A folder of a few files that its test may change."""
    folder = samba.folder("commun") / "essai"
    for number in range(6):
        write(samba, f"d{number}/f.txt", f"texte {number}" * 2_000)
    yield Snapshot(ShareSource("t", samba.place(folder="essai"), SidReading("ad")), MemorySeen())
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def write(samba: SambaServer, path: str, text: str, *aces: bytes) -> None:
    given = aces or (ace(samba.sids["sm-ana"], NEEDED),)
    own = ace(samba.sids[READER], NEEDED)
    samba.write("commun", f"essai/{path}", text.encode(), [*given, own], "sm-ana")


def altered(tree: Snapshot, **settings: Any) -> Snapshot:
    """The same tree and what is known of it, under other settings."""
    return replace(tree, origin=replace(cast(ShareSource, tree.origin), **settings))


def place_of(tree: Snapshot) -> SharePlace:
    return cast(ShareSource, tree.origin).place


def reading(connector: Connector, since: str | None = None) -> list[Change]:
    return list(connector.changes(since))


def read_until_cut(connector: Snapshot) -> list[Change]:
    """Return the reports, and each file that was read before the connection broke."""
    said: list[Change] = []
    try:
        for change in connector.changes(None):
            if isinstance(change, Upsert) and change.document.content:
                change.document.content.read()
            said.append(change)
    except SourceUnreachable:
        return said
    raise AssertionError("the line was not cut")


def reasons(changes: list[Change]) -> set[str]:
    return {one.reason for one in changes if isinstance(one, Malformed)}


def test_a_line_that_is_cut_loses_nothing(samba: SambaServer, tree: Snapshot) -> None:
    """At seeded bytes: what was said before a checkpoint stays, the rest comes afterwards."""
    whole = apply(reading(tree))
    assert len(whole) == 6
    with relay(445, samba.address) as line:
        through = altered(tree, place=replace(place_of(tree), host="127.0.0.1", port=line.port))
        assert len(apply(reading(through))) == 6
        end = line.passed
        for at in random.Random(7).sample(range(end), 6):
            line.passed, line.most_bytes = 0, at
            said = read_until_cut(through)
            kept_until = max(
                (i for i, one in enumerate(said) if isinstance(one, Checkpoint)), default=-1
            )
            said = said[: kept_until + 1]
            rest = reading(tree, last_cursor(said) if said else None)
            assert apply(rest, apply(said)).keys() == whole.keys()


def test_a_silent_server_costs_a_bounded_time(samba: SambaServer, tree: Snapshot) -> None:
    """It hangs after its first answers: given up after the time of the settings."""
    with relay(445, samba.address) as line:
        line.most_bytes, line.hangs = 3_000, True
        quick = replace(place_of(tree), host="127.0.0.1", port=line.port, timeout_s=1)
        with pytest.raises(SourceUnreachable):
            reading(altered(tree, place=quick))


def test_narrowed_rights_and_moves_are_seen_in_one_reading(
    samba: SambaServer, tree: Snapshot
) -> None:
    """A server that does not note when rights change is asked for them each time."""
    first = reading(tree)
    before = apply(first)
    nobody = [ace(samba.sids[READER], NEEDED)]
    samba.set_list("commun", "essai/d1/f.txt", nobody)
    folder = samba.folder("commun") / "essai"
    (folder / "d2" / "f.txt").rename(folder / "d3" / "g.txt")
    (folder / "d4").rename(folder / "d9")
    (folder / "d5" / "f.txt").unlink()
    rest = reading(tree, last_cursor(first))
    after = apply(rest, before)
    assert set(after) == {"t:d0/f.txt", "t:d1/f.txt", "t:d3/f.txt", "t:d3/g.txt", "t:d9/f.txt"}
    assert after["t:d1/f.txt"].access.allowed == {f"ad:sid:{samba.sids[READER]}"}
    changed = [one for one in rest if isinstance(one, AccessChanged)]
    assert [one.document_id for one in changed] == ["t:d1/f.txt"]
    assert {one.document.id for one in rest if isinstance(one, Upsert)} == {
        "t:d3/g.txt",
        "t:d9/f.txt",
    }


def test_a_server_that_is_trusted_is_asked_for_rights_once_a_day(
    samba: SambaServer, tree: Snapshot
) -> None:
    """Samba says nothing of a change of rights alone: not before the next day, but then."""
    trusting = altered(tree, trust_changed=True)
    first = reading(trusting)
    samba.set_list("commun", "essai/d1/f.txt", [ace(samba.sids[READER], NEEDED)])
    same_day = reading(trusting, last_cursor(first))
    assert not [one for one in same_day if isinstance(one, AccessChanged | Upsert)]
    day_later = altered(trusting, now=lambda: datetime.now(UTC) + timedelta(days=1))
    (changed,) = (
        one for one in reading(day_later, last_cursor(same_day)) if isinstance(one, AccessChanged)
    )
    assert changed.document_id == "t:d1/f.txt"


def test_other_share_rights_are_seen_without_a_change(tree: Snapshot) -> None:
    """The settings close the share to all: so does the next reading, even of a trusted server."""
    trusting = altered(tree, trust_changed=True)
    first = reading(trusting)
    closed = altered(trusting, sids=SidReading("ad", share=Access()))
    after = apply(reading(closed, last_cursor(first)), apply(first))
    assert {one.access.allowed for one in after.values()} == {frozenset()}


def test_what_the_account_may_not_read_is_closed(samba: SambaServer, tree: Snapshot) -> None:
    """A file, and a folder; told, closed to all, and open again once it may."""
    first = reading(tree)
    before = apply(first)
    ana, reader = samba.sids["sm-ana"], samba.sids[READER]
    samba.set_list("commun", "essai/d1/f.txt", [ace(ana, NEEDED)])
    usual = [ace(ana, 0x1F01FF, flags=3), ace(reader, 0x1200A9, flags=3)]
    samba.set_list("commun", "essai/d2", [ace(ana, 0x1F01FF)])
    rest = reading(tree, last_cursor(first))
    assert ContentStale("t:d1/f.txt") in rest
    assert SubtreeHidden("t:d2") in rest
    after = apply(rest, before)
    assert {i for i, one in after.items() if one.access == Access()} == {"t:d1/f.txt", "t:d2/f.txt"}
    assert any("dossiers que le compte ne peut lister" in one for one in tree.check())
    samba.set_list("commun", "essai/d1/f.txt", [ace(ana, NEEDED), ace(reader, NEEDED)])
    samba.set_list("commun", "essai/d2", usual)
    assert apply(reading(tree, last_cursor(rest)), after) == before


def test_what_no_list_of_readers_says_is_fewer_readers(samba: SambaServer, tree: Snapshot) -> None:
    """A refusal after a permission, one of who is nobody here, a missing list: all are told."""
    ana, cyd = samba.sids["sm-ana"], samba.sids["sm-cyd"]
    late = [ace(ana, NEEDED), ace(cyd, NEEDED, DENY)]
    write(samba, "d0/tard.txt", "x", *late)
    local = "S-1-5-32-546"
    write(samba, "d0/invités.txt", "x", ace(local, NEEDED, DENY), ace(ana, NEEDED))
    changes = reading(tree)
    assert {ORDER, UNKNOWN_DENIED.format(local)} <= reasons(changes)
    kept = apply(changes)
    assert kept["t:d0/invités.txt"].access == Access()
    assert kept["t:d0/tard.txt"].access.denied == {f"ad:sid:{cyd}"}
    assert SidReading("ad").readers(read_descriptor(descriptor(None))).reasons == (NO_LIST,)


REFUSALS = [
    ({"password": "faux"}, "refuse le compte"),
    ({"user": rf"{DOMAIN}\personne"}, "refuse le compte"),
    ({"share": "absent"}, "n'a pas de partage"),
]


@pytest.mark.parametrize(("wrong", "told"), REFUSALS)
def test_what_a_person_has_to_mend(samba: SambaServer, wrong: dict[str, str], told: str) -> None:
    """A sentence that says what, and never the password."""
    place: SharePlace = replace(samba.place(), **wrong)  # type: ignore[arg-type]
    with pytest.raises(SourceRefused, match=told) as refused:
        reading(Snapshot(ShareSource("t", place, SidReading("ad"))))
    assert place.password not in str(refused.value) + repr(place)


ODD_NAMES = (
    "100 %.txt", "%41.txt", "50%25.txt", "a#b.txt", "a;b.txt", "a&b+c.txt", "-rf.txt",
    f"{'é' * 120}.txt",
)  # fmt: skip


def test_links_to_files_with_odd_names_lead_to_them(samba: SambaServer, tree: Snapshot) -> None:
    """A name that SMB cannot carry is listed by a short one and ends no reading."""
    root = samba.folder("commun") / "essai"
    for name in ODD_NAMES:
        write(samba, name, name)
    for raw in (b"fin\nde ligne.txt", b"a?b.txt", b"latin\xe9.txt"):
        (root / os.fsdecode(raw)).write_bytes(raw)
    documents = apply(reading(tree))
    for name in ODD_NAMES:
        address = urlsplit(documents[f"t:{name}"].url)
        path = root / unquote(address.path).removeprefix("/commun/essai/")
        assert path.read_text("utf-8") == name
        assert address.query + address.fragment == "", name


def test_a_folder_that_is_gone_deletes_nothing(tree: Snapshot) -> None:
    """The settings' folder is not there: nothing is listed, so nothing is deleted."""
    elsewhere = altered(tree, place=replace(place_of(tree), folder="absent"))
    with pytest.raises(SourceUnreachable):
        reading(elsewhere)
