"""Each kind of source from `quisait init` to answers, on each engine, beside all the others.

What is asked: a permitted reader finds the document with its author among who knows; another finds
neither document, count, snippet, suggestion nor evidence; a deletion and a narrowed right are seen
in one further crawl. A source joins with its line in `tests.mixed_sources.SOURCES`.
"""

from collections.abc import Iterator

import pytest

from tests.mixed_sources import (
    ANA,
    BEN,
    CYD,
    DAN,
    EVERYBODY,
    SOURCES,
    MixedSource,
    Planted,
)
from tests.pages.access_routes import UNREACHABLE, Ask, expectations
from tests.service.mixed_world import (
    COLLIDING,
    GONE,
    NARROWED,
    OPEN,
    SECRET,
    STAGES,
    World,
    chosen,
    four,
    opened_world,
    silent,
)

pytestmark = [pytest.mark.sources, pytest.mark.trust]

of_each_kind = pytest.mark.parametrize("kind", SOURCES, ids=lambda kind: kind.name)
SPACES = ("Fraude", "fermee", "Équipe")
"""Of what is closed: a folder of mails, a list, a namespace."""
on_each_engine = pytest.mark.parametrize("mixed_engine", ["embedded", "opensearch"])


@pytest.fixture(scope="module")
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """With the sources and engines that the tests of this run name."""
    kinds, engines = chosen(request.session.items)
    with opened_world(tmp_path_factory.mktemp("mixed"), kinds, engines) as made:
        yield made


@on_each_engine
@of_each_kind
def test_its_readers_find_it_and_who_wrote_it(
    world: World, kind: type[MixedSource], mixed_engine: str
) -> None:
    """An open document, and one that is closed to all but a group's members."""
    for reader, name, author in ((CYD, OPEN, ANA), (DAN, SECRET, BEN)):
        word = Planted(kind.name, name).word
        seen = world.seen["before", mixed_engine, reader, word]
        assert seen.found == {word}
        assert seen.total == 1
        assert author in seen.experts
        assert word in seen.raw


@on_each_engine
@of_each_kind
def test_nobody_else_is_told_anything(
    world: World, kind: type[MixedSource], mixed_engine: str
) -> None:
    """Closed documents appear in no result, count, suggestion, facet or evidence."""
    for stage, name in (("before", SECRET), ("after", NARROWED)):
        word = Planted(kind.name, name).word
        seen = world.seen[stage, mixed_engine, CYD, word]
        assert (seen.found, seen.total, seen.experts) == (frozenset(), 0, ())
        assert word not in seen.raw


@on_each_engine
@of_each_kind
def test_one_further_crawl_sees_what_is_gone_and_what_is_closed(
    world: World, kind: type[MixedSource], mixed_engine: str
) -> None:
    """Both were found before; the deleted one by nobody now, the other by its readers alone."""
    gone, narrowed = Planted(kind.name, GONE).word, Planted(kind.name, NARROWED).word
    for reader in (CYD, DAN):
        assert {gone, narrowed} <= world.read["before", mixed_engine, reader]
    seen = world.seen["after", mixed_engine, DAN, gone]
    assert (seen.found, seen.total, seen.experts) == (frozenset(), 0, ())
    assert gone not in seen.raw
    seen = world.seen["after", mixed_engine, DAN, narrowed]
    assert seen.found == {narrowed}
    assert (seen.total, seen.experts) == (1, (ANA,))


@on_each_engine
@pytest.mark.parametrize("stage", STAGES)
def test_every_reader_is_shown_what_is_theirs(world: World, mixed_engine: str, stage: str) -> None:
    """Readers × documents of all sources, against the plain truth; both know of all of them."""
    truth = world.readers(stage)
    for reader in sorted(EVERYBODY):
        theirs = {word for word, readers in truth.items() if reader in readers}
        assert world.read[stage, mixed_engine, reader] == theirs, reader


@on_each_engine
def test_no_route_tells_what_its_reader_may_not_read(world: World, mixed_engine: str) -> None:
    """Every page, suggestion, piece of news and list of people; one reader is an administrator."""
    site, truth = world.sites[mixed_engine], world.readers("after")
    hidden = [one for one in world.documents() if one.name == SECRET]
    ids = [world.ids[mixed_engine, one.word] for one in hidden]
    for reader in (ANA, CYD):
        secret = {word for word, readers in truth.items() if reader not in readers}
        for route, asks in expectations(sorted(EVERYBODY), "cadastre", ids, SPACES).items():
            for ask in asks:
                status, text = site.answer(reader, ask)
                typed = f"{ask.path} {ask.json} {ask.form}"
                told = {word for word in secret if word in text.lower() and word not in typed}
                assert not told, (route, ask)
                assert status < 500 or route in UNREACHABLE, (route, ask, text)


@on_each_engine
def test_news_and_digests_tell_what_their_reader_may_read(world: World, mixed_engine: str) -> None:
    """Of what was written since they follow it: what is closed is neither named nor counted."""
    site, truth = world.sites[mixed_engine], world.readers("after")
    opened, closed = (one.word for one in world.extras.recent)
    for reader, theirs in ((CYD, {opened}), (DAN, {opened, closed})):
        news = str(site.get(reader, "news")).lower()
        assert {word for word in (opened, closed) if word in news} == theirs
        digest = site.digest(reader)
        assert "nouveauté" in digest
        assert {who for word, who in truth.items() if word in digest and reader not in who} == set()


@on_each_engine
def test_its_reader_is_told_by_the_same_routes(world: World, mixed_engine: str) -> None:
    """What is hidden from others stands in a document's page: the check above can fail."""
    site = world.sites[mixed_engine]
    for one in (one for one in world.documents() if one.name == SECRET):
        status, text = site.answer(DAN, Ask(f"/documents/{world.ids[mixed_engine, one.word]}"))
        assert status == 200
        assert one.word in text.lower()


@on_each_engine
def test_a_directory_that_is_silent_opens_nothing(world: World, mixed_engine: str) -> None:
    """If it was not read for too long, nobody reads documents that allow or deny its groups."""
    with silent(world.sites[mixed_engine]) as site:
        assert site.get(CYD, "search", q="cadastre")["incomplete"] == ["ldap"]
        truth = world.readers("after", silent=True)
        for reader in sorted(EVERYBODY):
            theirs = {word for word, readers in truth.items() if reader in readers}
            assert world.shown(site, reader) == theirs, reader


def test_no_word_stands_in_another() -> None:
    """Each tells of one document alone."""
    words = [one.word for kind in SOURCES for one in four(kind.name)]
    words += [Planted("registre", name).word for name in COLLIDING]
    assert [(a, b) for a in words for b in words if a != b and a in b] == []
