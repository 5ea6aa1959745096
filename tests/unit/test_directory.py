"""The directory's tables."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.directory import TableDirectory, mission_of
from connectors.ports import Malformed, SourceRefused, SourceUnreachable
from connectors.values import Agent, Group, Mission

pytestmark = pytest.mark.sources


def agents(directory: TableDirectory) -> list[Agent]:
    return [entry for entry in directory.entries() if isinstance(entry, Agent)]


def problems(directory: TableDirectory) -> list[str]:
    return [entry.where for entry in directory.entries() if isinstance(entry, Malformed)]


def table(tmp_path: Path, content: str, name: str = "agents.csv") -> TableDirectory:
    (tmp_path / name).write_bytes(content.encode())
    return TableDirectory(tmp_path / name)


FULL = Agent(
    "a1", "Zoé", "Le Goff", "géomètre", "DGFiP/DDFiP 22", "Guingamp", "2A", "z@x.example",
    date(2019, 9, 1), date(2024, 1, 1), ("cadastre", "bornage"), ("wifip:z", "wiki:z"), False,
)  # fmt: skip


def test_spreadsheet_csv_is_read(tmp_path: Path) -> None:
    """BOM, semicolons and CRLF as spreadsheets write them; every field arrives."""
    content = (
        "\ufeffid;given_name;family_name;metier;entity;office;departement;email;arrival;departure;"
        "skills;accounts;listed\r\na1;Zoé;Le Goff;géomètre;DGFiP/DDFiP 22;Guingamp;2a;z@x.example;"
        "2019-09-01;2024-01-01;cadastre|bornage;wifip:z|wiki:z;non\r\n"
    )
    assert list(table(tmp_path, content).entries()) == [FULL]


def test_json_lines_are_read(tmp_path: Path) -> None:
    """The same agent from JSON Lines, with lists."""
    content = (
        '{"id":"a1","given_name":"Zoé","family_name":"Le Goff","metier":"géomètre",'
        '"entity":"DGFiP/DDFiP 22","office":"Guingamp","departement":"2A","email":"z@x.example",'
        '"arrival":"2019-09-01","departure":"2024-01-01","skills":["cadastre","bornage"],'
        '"accounts":["wifip:z","wiki:z"],"listed":false}\n{torn\n[]\n'
    )
    directory = table(tmp_path, content, "agents.jsonl")
    assert agents(directory) == [FULL]
    assert problems(directory) == ["agents.jsonl:2", "agents.jsonl:3"]


def test_missions_are_read_and_malformed_ones_are_listed(tmp_path: Path) -> None:
    """Each with its days; the agent stays, with the missions that can be read."""
    directory = table(
        tmp_path,
        "id;missions\n"
        "a;PAPI@2021-03-01..2023-06-30| taxe foncière @ 2022-01-01.. |a@b@2024-02-29\n"
        "b;PAPI|@2021-01-01|PAPI@2021-02-30|PAPI@2023-01-01..2022-01-01|régies@2020-05-01..\n"
        "c;\n",
    )
    assert [agent.missions for agent in agents(directory)] == [
        (
            Mission("PAPI", date(2021, 3, 1), date(2023, 6, 30)),
            Mission("taxe foncière", date(2022, 1, 1)),
            Mission("a@b", date(2024, 2, 29)),
        ),
        (Mission("régies", date(2020, 5, 1)),),
        (),
    ]
    assert problems(directory) == ["agents.csv:3"]
    listed = table(tmp_path, '{"id":"a","missions":["PAPI@2021-03-01"]}\n', "agents.jsonl")
    assert agents(listed)[0].missions == (Mission("PAPI", date(2021, 3, 1)),)


DAYS = st.dates(date(1900, 1, 1), date(2100, 1, 1))
TOPICS = st.text("aé@. -1", min_size=1).filter(str.strip).map(str.strip)


@given(TOPICS, DAYS, st.none() | DAYS, DAYS)
def test_a_mission_is_read_as_it_is_written(
    topic: str, first: date, last: date | None, on: date
) -> None:
    """And it is in force from its first day to its last; a last day before the first is refused."""
    found = mission_of(f"{topic}@{first}..{last or ''}")
    if last and last < first:
        assert found is None
        return
    assert found == Mission(topic, first, last)
    assert found.in_force(on) == (first <= on and (last is None or on <= last))
    assert not (found.in_force(on) and found.ended(on))


def test_an_account_of_two_agents_is_joined_to_neither(tmp_path: Path) -> None:
    """Both agents stay, without the account, and both rows are reported."""
    directory = table(tmp_path, "id,accounts\na,w:x|w:y\nb,w:x\n")
    assert [agent.accounts for agent in agents(directory)] == [("w:y",), ()]
    assert problems(directory) == ["agents.csv:2", "agents.csv:3"]


def test_bad_rows_are_reported_and_the_rest_arrives(tmp_path: Path) -> None:
    """Duplicate ids, bad dates, torn rows: each by its line; an unknown code is left empty."""
    directory = table(
        tmp_path,
        "id,arrival,departement\na,,22\na,,35\nb,hier,\nc\nd,,99\n,,\n\ne,2020-01-01,976\n",
    )
    assert [(a.id, a.departement) for a in agents(directory)] == [
        ("a", "22"), ("d", ""), ("e", "976"),
    ]  # fmt: skip
    assert sorted(problems(directory)) == [f"agents.csv:{n}" for n in (3, 4, 5, 6)]


@pytest.mark.trust
def test_an_agent_who_asked_in_any_row_is_not_listed(tmp_path: Path) -> None:
    """A second row of the same id is reported; what it says against a listing holds."""
    directory = table(tmp_path, "id,listed\na,oui\na,non\nb,non\nb,oui\nc,oui\nc,oui\n")
    assert {a.id: a.listed for a in agents(directory)} == {"a": False, "b": False, "c": True}
    assert problems(directory) == ["agents.csv:3", "agents.csv:5", "agents.csv:7"]


def test_groups_follow(tmp_path: Path) -> None:
    """Groups are yielded with their members."""
    (tmp_path / "g.csv").write_text("principal,label,members\nx:group:g,Groupe,a|b\n")
    directory = TableDirectory(table(tmp_path, "id\na\n").agents, tmp_path / "g.csv")
    assert Group("x:group:g", "Groupe", frozenset({"a", "b"})) in list(directory.entries())


@pytest.mark.parametrize("row", ["bad,,", "rh:group:exclus,X,a,b", ",X,a"])
def test_a_group_that_is_not_understood_refuses_the_directory(tmp_path: Path, row: str) -> None:
    """Without it its members would read what is denied to them: the former one stays."""
    (tmp_path / "g.csv").write_text(f"principal,label,members\nx:group:g,Groupe,a|b\n{row}\n")
    directory = TableDirectory(table(tmp_path, "id\na\n").agents, tmp_path / "g.csv")
    with pytest.raises(SourceRefused, match=r"g\.csv:3"):
        list(directory.entries())


def test_a_group_that_a_source_fills_refuses_the_directory(tmp_path: Path) -> None:
    """The source would make whom it likes a reader of what the directory's group reads."""
    (tmp_path / "g.csv").write_text("principal,label,members\ndocs:group:g,Groupe,a\n")
    agents = table(tmp_path, "id\na\n").agents
    for claimed, refused in (("drive", False), ("docs", True)):
        directory = TableDirectory(agents, tmp_path / "g.csv", frozenset({claimed}))
        if refused:
            with pytest.raises(SourceRefused, match=r"g\.csv:2 : .*docs:"):
                list(directory.entries())
        else:
            assert len(list(directory.entries())) == 2


def test_unusable_tables_say_what_to_do(tmp_path: Path) -> None:
    """A missing table is unreachable; a wrong one is refused."""
    with pytest.raises(SourceUnreachable):
        list(TableDirectory(tmp_path / "absent.csv").entries())
    for name, content in {"a.csv": "name\nx\n", "b.csv": "id,what\nx,y\n", "c.txt": "id"}.items():
        with pytest.raises(SourceRefused):
            list(table(tmp_path, content, name).entries())


def test_the_tables_that_the_documentation_shows_are_read(tmp_path: Path) -> None:
    """Whole: who begins copies them."""
    page = (Path(__file__).parents[2] / "docs" / "annuaire.md").read_text("utf-8")
    section = page.partition("## Des tables")[2].partition("\n## ")[0]
    tables = [block.strip() for block in section.split("```")[1::2] if ";" in block]
    for name, table in zip(("agents.csv", "groupes.csv"), tables, strict=True):
        (tmp_path / name).write_text(table, "utf-8")
    found = list(TableDirectory(tmp_path / "agents.csv", tmp_path / "groupes.csv").entries())
    jeanne, karim, inspection = found
    assert isinstance(jeanne, Agent)
    assert jeanne.accounts == ("notes:jlegoff", "wiki:JLeGoff")
    assert isinstance(karim, Agent)
    assert isinstance(inspection, Group)
    assert inspection.members == {jeanne.id, karim.id}
