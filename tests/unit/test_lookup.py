"""People, services and métiers that a question names; people who are never named."""

from dataclasses import replace
from datetime import date

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.values import Agent, ContactVia, ContributorRole, EvidencePolicy, RefusedTopic
from expertise.directory import SqlDirectory
from expertise.lookup import DirectoryMatches, DocumentWords, look_up
from quisait.application.database import migrate
from search_api.people.service import DocumentTopics, ask_instead
from search_api.ranking.fusion import FusedHit
from search_api.ranking.results import DocumentAuthor, Result
from tests.builders import Listed
from tests.windows import card

pytestmark = [pytest.mark.experts, pytest.mark.trust]

TODAY = date(2026, 10, 1)


def agent(
    id_: str, given: str, family: str, metier: str, service: str, town: str, area: str
) -> Agent:
    return Agent(id_, given, family, metier, f"DGFiP/DDFiP {area}/{service}", town, area)


MAELLE = agent("1", "Maëlle", "Le Goff", "agent de SIP", "SIP Guingamp", "Guingamp", "22")
SOLVEIG = agent("2", "Solveig", "Kermarrec", "agent de SIP", "SIP Quimper", "Quimper", "29")
YANN = agent("3", "Yann", "Le Goff", "géomètre du cadastre", "PTGC Brest", "Brest", "29")
RENE = agent("4", "René", "Le Goff", "huissier", "PRS Nice", "Nice", "06")
AURORE = agent("5", "Aurore", "Vidalenc", "géomètre du cadastre", "PTGC Mende", "Mende", "48")
PAUL = replace(
    agent("6", "Paul", "Petit", "acheteur", "Achats", "Lyon", "69"), skills=("matériel",)
)
HELENE = agent("7", "Hélène", "Marché", "archiviste", "Archives", "Aurillac", "15")
GUY = replace(
    agent("8", "Guy", "Lozac'h", "agent de SIP", "SIP Guingamp", "Guingamp", "22"),
    contact_via=ContactVia.SERVICE,
    contact="sip.guingamp@finances.example",
)
HIDDEN = replace(
    agent("9", "Zoé", "Zanzibar", "géomètre", "SIP Guingamp", "Guingamp", "15"), listed=False
)
GONE = replace(
    agent("10", "Bernard", "Kerguelen", "géomètre", "PTGC Brest", "Brest", "15"), departure=TODAY
)
PEOPLE = (MAELLE, SOLVEIG, YANN, RENE, AURORE, PAUL, HELENE, GUY, HIDDEN, GONE)


def book_of(*people: Agent) -> SqlDirectory:
    book = SqlDirectory(migrate(sa.create_engine("sqlite://", poolclass=sa.StaticPool)))
    book.replace(Listed(*people))
    return book


@pytest.fixture(scope="module")
def book() -> SqlDirectory:
    return book_of(*PEOPLE)


def found(book: SqlDirectory, question: str, *ordinary: str) -> DirectoryMatches:
    """Return the matches for Maëlle; no document contains any word."""
    return look_up(book, question, TODAY, asker=MAELLE, words=DocumentWords(set, ordinary))


def ids(matches: DirectoryMatches) -> list[str]:
    return [one.agent.id for one in matches.people]


@pytest.mark.parametrize(
    ("question", "people"),
    [
        ("Solveig Kermarrec", ["2"]),
        ("kermarrec solveig", ["2"]),
        ("KERMARREC", ["2"]),
        ("qui est Solveig Kermarrec ?", ["2"]),
        ("téléphone de Mme Kermarrec", ["2"]),
        ("Kermarec", ["2"]),
        ("Solvieg Kermarrec", ["2"]),
        ("kermarec Quimper", ["2"]),
        ("Kermarrec finistere", ["2"]),
        ("Le Goff", ["1", "3", "4"]),
        ("legoff", ["1", "3", "4"]),
        ("Le Goff Brest", ["3"]),
        ("Le Goff 06", ["4"]),
        ("rene le goff", ["4"]),
        ("Lozach", ["8"]),
        ("géomètre Cantal", ["5", "3"]),
        ("géomètre Aurillac", ["5", "3"]),
        ("géomètres Lozère", ["5"]),
        ("que sait Solveig Kermarrec de la taxe foncière des seniors ?", ["2"]),
        ("marché", ["7"]),
        ("taxe foncière", []),
        ("goff pommes", []),
        ("", []),
        ("?????", []),
    ],
)
def test_a_question_names_people(book: SqlDirectory, question: str, people: list[str]) -> None:
    """In any order and spelling, with a town or an area; the nearest to the asker first."""
    assert ids(found(book, question)) == people


def test_a_name_that_is_a_word_does_not_take_a_question_over(book: SqlDirectory) -> None:
    """«Petit matériel» is no Petit; «marché» names Mme Marché, but not before the subject."""
    matches = found(book, "petit matériel", "petit", "materiel")
    assert (ids(matches), [one.agent.id for one in matches.others]) == ([], ["6"])
    assert not matches.by_name
    assert found(book, "marché", "marche").ordinary
    assert not found(book, "Mme Marché", "marche").ordinary
    assert not found(book, "Hélène Marché", "marche").ordinary
    assert ids(found(book, "petit budget", "petit")) == []


def test_a_word_of_documents_is_not_taken_for_a_misspelt_name(book: SqlDirectory) -> None:
    """Only what neither documents nor the directory have is looked up in other spellings."""
    assert ids(look_up(book, "Kermarec", TODAY, words=DocumentWords(lambda _: ()))) == []
    assert ids(look_up(book, "Helen Vidalance", TODAY, words=DocumentWords(lambda _: ()))) == []
    assert ids(look_up(book, "Aurore Vidalencs", TODAY, words=DocumentWords(lambda _: ()))) == ["5"]
    assert found(book, "Kermarec").spelt == "kermarrec"
    assert found(book, "Kermarrec").spelt == ""


def test_a_service_is_found_with_who_works_there(book: SqlDirectory) -> None:
    """By its name and its town or area; its own address where its entity gives one."""
    for question in (
        "SIP Guingamp",
        "sip de guingamp",
        "qui travaille au SIP Guingamp ?",
        "SIP 22",
    ):
        matches = found(book, question)
        (service,) = matches.services
        assert (service.name, matches.placed) == ("SIP Guingamp", True), question
        assert [one.id for one in service.people] == ["1", "8"]
        assert service.reached_by == GUY
    for question in ("taxe foncière Guingamp", "guingamp kermarrec"):
        assert found(book, question).services == (), question


def test_a_metier_is_found_with_the_nearest_who_holds_it(book: SqlDirectory) -> None:
    """And said to be absent from the area asked for, where it is."""
    (metier,) = found(book, "géomètres").metiers
    assert (metier.metier, metier.holders, metier.nearest) == ("géomètre du cadastre", 2, YANN)
    for question, code, elsewhere in (
        ("géomètre Cantal", "15", True),
        ("géomètre cantal", "15", True),
        ("géomètre Corse", "r94", True),
        ("géomètre Lozère", "48", False),
        ("qui est géomètre près de Millau", "12", True),
        ("y a-t-il un géomètre du côté de Mende ?", "48", False),
    ):
        matches = found(book, question)
        assert matches.place, question
        assert (matches.place.code, matches.elsewhere) == (code, elsewhere), question
        assert ids(matches)[0] == AURORE.id, question


NAMES = ("Zoé", "Zanzibar", "Zanzibr", "Bernard", "Kerguelen", "Le", "Goff", "Solveig")
POSTS = ("géomètre", "SIP", "PTGC", "Guingamp", "Brest", "Cantal", "15", "Bretagne")
WORDS = st.sampled_from((*NAMES, *POSTS, "qui", "est", "M.", "taxe"))


@settings(max_examples=150, deadline=None)
@given(st.lists(WORDS, max_size=12))
def test_who_is_unlisted_or_gone_is_never_found(book: SqlDirectory, words: list[str]) -> None:
    """Neither as a person, nor as a colleague of a service, nor counted in a métier."""
    matches = found(book, " ".join(words))
    shown = [one.agent for one in (*matches.people, *matches.others)]
    shown += [one for service in matches.services for one in service.people]
    shown += [one.nearest for one in matches.metiers]
    assert {HIDDEN.id, GONE.id}.isdisjoint(one.id for one in shown)
    assert all(one.holders <= 2 for one in matches.metiers if one.metier.startswith("géo"))
    assert "zanzibar" not in matches.spelt.lower()


def test_many_of_one_name_give_the_nearest_and_their_number() -> None:
    """Those beyond are counted; where too many have a name, those of the asker's area."""
    some = [replace(YANN, id=f"b{n}", departement="06") for n in range(24)]
    matches = found(book_of(MAELLE, *some), "Le Goff")
    assert (ids(matches)[0], len(matches.people), matches.beyond) == ("1", 20, 5)
    crowd = [replace(YANN, id=f"c{n:03}", departement="06") for n in range(250)]
    assert ids(found(book_of(MAELLE, SOLVEIG, *crowd), "Le Goff")) == ["1"]


def author(agent: Agent, role: ContributorRole) -> DocumentAuthor:
    return DocumentAuthor(agent.name, role, agent, agent.departed(TODAY))


def result(*authors: DocumentAuthor, evidence: str = EvidencePolicy.YES) -> Result:
    shown = replace(card("wiki:plans"), title="Plans anciens", evidence=evidence)
    return Result(shown, authors, (), (), FusedHit("wiki:plans", 1.0, 1.0, 1, 1.0, 1))


LEFT = replace(GONE, metier="géomètre du cadastre")
WROTE = author(LEFT, ContributorRole.AUTHOR)


@pytest.mark.parametrize(
    ("authors", "expected"),
    [
        ([WROTE], [YANN.id]),
        ([WROTE, author(AURORE, ContributorRole.EDITOR)], [AURORE.id]),
        ([WROTE, author(AURORE, ContributorRole.COMMENTER)], [YANN.id]),
        ([WROTE, author(MAELLE, ContributorRole.EDITOR)], [YANN.id]),
        ([WROTE, author(AURORE, ContributorRole.AUTHOR)], []),
        ([WROTE, DocumentAuthor("x", ContributorRole.AUTHOR, None, departed=False)], [YANN.id]),
        ([author(LEFT, ContributorRole.COMMENTER)], []),
        ([author(replace(LEFT, metier="astronaute"), ContributorRole.AUTHOR)], []),
        ([WROTE, author(replace(AURORE, listed=False), ContributorRole.EDITOR)], [YANN.id]),
    ],
)
def test_whom_to_ask_where_the_author_has_left(
    book: SqlDirectory, authors: list[DocumentAuthor], expected: list[str]
) -> None:
    """Who carried the document on, else the métier's nearest; nobody where an author is in post.

    An author who is not listed is as one whom the directory does not know: nobody can ask them.
    """
    asked = ask_instead(book, MAELLE, result(*authors), TODAY)
    assert [one.id for one in asked] == expected


def test_the_holder_of_the_topic_nearest_to_the_asker_is_asked_instead(book: SqlDirectory) -> None:
    """Behind who carried the document on, before the writers' métier; never who is hidden."""
    unlisted = DocumentAuthor("x", ContributorRole.AUTHOR, None, departed=False)
    holders = [HIDDEN, GONE, MAELLE, HELENE, SOLVEIG, AURORE]
    reviewed = author(PAUL, ContributorRole.REVIEWER)

    def asked(*authors: DocumentAuthor) -> list[str]:
        topics = DocumentTopics(holders=holders)
        found = ask_instead(book, MAELLE, result(*authors), TODAY, topics=topics)
        return [one.id for one in found]

    assert asked(WROTE) == asked(unlisted) == [SOLVEIG.id]
    assert asked(unlisted, reviewed) == [PAUL.id]
    assert asked(WROTE, author(AURORE, ContributorRole.AUTHOR)) == []


@pytest.mark.parametrize(
    ("refused", "question"),
    [
        (RefusedTopic("cadastre", ("plans",)), ""),
        (RefusedTopic("cadastre", ("cadastre",)), "cadastre ancien"),
        (RefusedTopic("cadastre", (), frozenset({"wiki:plans"})), ""),
    ],
)
def test_who_refused_the_subject_is_not_asked_instead(
    book: SqlDirectory, refused: RefusedTopic, question: str
) -> None:
    """The title, the question or the last build's topics of the document name the subject."""
    authors = [WROTE, author(replace(AURORE, refused=(refused,)), ContributorRole.EDITOR)]
    asked = ask_instead(book, MAELLE, result(*authors), TODAY, question)
    assert [one.id for one in asked] == [YANN.id]


def test_what_counts_as_no_evidence_names_nobody(book: SqlDirectory) -> None:
    """In a private matter nobody is said to know, not even in place of who left."""
    private = result(WROTE, author(AURORE, ContributorRole.EDITOR), evidence=EvidencePolicy.NONE)
    assert ask_instead(book, MAELLE, private, TODAY) == ()


def test_names_and_services_are_found_as_people_write_them(book: SqlDirectory) -> None:
    """Beside a greeting, by the family name where nobody writes the given one, by a direction."""
    assert ids(found(book, "bonjour je cherche à joindre Mme Kermarrec à Quimper")) == ["2"]
    namesake = found(book, "Soizic Kermarrec")
    assert (ids(namesake), namesake.spelt) == (["2"], "Solveig Kermarrec")
    assert ids(found(book, "'; DROP TABLE documents; --")) == []
    assert ids(found(book, "soizic kermarrec")) == []  # «pommes kermarrec» is no name
    (service,) = found(book, "SIP Guingam").services
    assert service.name == "SIP Guingamp"
    (direction,) = found(book, "DDFiP du Finistère").services
    assert {one.id for one in direction.people} == {"2", "3"}
    assert {one.name for one in found(book, "SIP").services} == {"SIP Guingamp", "SIP Quimper"}
    assert "9" not in {one.id for s in found(book, "DDFiP 15").services for one in s.people}


def test_another_wording_of_the_glossary_is_looked_up(book: SqlDirectory) -> None:
    """«service des impôts des particuliers», which the directory calls SIP."""
    asked = "service des impôts des particuliers de Quimper"
    matches = look_up(book, asked, TODAY, otherwise=["SIP de Quimper"])
    assert [one.name for one in matches.services] == ["SIP Quimper"]


def test_a_skill_with_its_place_names_somebody(book: SqlDirectory) -> None:
    """And words of posts that the directory does not use are left out."""
    assert ids(found(book, "référent matériel Lyon")) == ["6"]
