"""Every setting: documented, overridden by the environment, refused where it is wrong."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from quisait.settings import Settings, beside_file, load_settings
from quisait.settings.documentation import LISTS, TABLES, initial_file, settings_page
from quisait.settings.types import validation_messages

pytestmark = pytest.mark.sources

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reglages.md"


def models() -> Iterator[tuple[str, type[BaseModel]]]:
    """Each table's name and model; the root has none."""
    yield "", Settings
    for name in TABLES:
        annotation = Settings.model_fields[name].annotation
        assert isinstance(annotation, type)
        yield name, annotation
    yield from LISTS.items()


def settings() -> list[tuple[str, str, FieldInfo]]:
    return [
        (table, name, field)
        for table, model in models()
        for name, field in model.model_fields.items()
        if table or name not in (*TABLES, *LISTS)
    ]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty settings' file that is the one in force, in an environment without overrides."""
    path = tmp_path / "quisait.toml"
    path.write_text("")
    monkeypatch.setenv("QUISAIT_FILE", str(path))
    return path


def faults(error: pytest.ExceptionInfo[ValidationError]) -> list[str]:
    return [".".join(map(str, one["loc"])) for one in error.value.errors()]


def test_the_tables_are_all_the_tables() -> None:
    """A table that is added to the settings is added to the pages that describe them."""
    tables = [
        name
        for name, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    ]
    assert tables == list(TABLES)


def test_every_setting_says_what_it_is_for() -> None:
    """In a line of its own, which stands in the first file and in the page."""
    page, first = settings_page(), initial_file()
    silent = []
    for table, name, field in settings():
        variable = f"QUISAIT_{table}__{name}" if table else f"QUISAIT_{name}"
        description = field.description or "no description"
        told = (
            f"| `{name}` |" in page
            and description in page
            and f"# {description}" in first
            and re.search(rf"^(# )?{name} = ", first, re.MULTILINE)
            and (table in LISTS or variable.upper() in page)
        )
        if not told:
            silent.append((table, name))
    assert silent == []


def test_every_table_says_what_it_holds() -> None:
    """Its docstring is its title in the first file."""
    first = initial_file()
    silent = [
        table
        for table, model in models()
        if not model.__doc__ or (table and f"# {model.__doc__}\n" not in first)
    ]
    assert silent == []


def test_the_page_is_the_committed_one() -> None:
    """`python -m quisait.settings.documentation > docs/reglages.md` writes it."""
    assert PAGE.read_text("utf-8") == settings_page()


def test_the_first_file_changes_nothing(file: Path) -> None:
    """It is TOML, and every line of it says the default."""
    defaults = load_settings()
    file.write_text(initial_file(), "utf-8")
    tomllib.loads(initial_file())
    assert load_settings() == defaults


def test_the_first_file_holds_a_source_to_uncomment(file: Path) -> None:
    """Without its first signs, the example is a source that is understood."""
    before, _, example = initial_file().partition("# Une table par source.\n")
    file.write_text(before + re.sub(r"(?m)^# ", "", example), "utf-8")
    (source,) = load_settings().sources
    assert (source.name, source.kind, source.allowed) == ("notes", "folder", ["everyone"])


def test_no_file_means_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has to be written for `quisait check` to say what is missing."""
    monkeypatch.delenv("QUISAIT_FILE", raising=False)
    monkeypatch.chdir(tmp_path)
    assert load_settings() == Settings(_env_file=None)
    assert load_settings().index.engine == "embedded"


def test_the_environment_wins_over_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One setting at a time: its neighbours stay as the file has them."""
    file.write_text('folder = "a"\n[index]\nalias = "kept"\nurl = "http://127.0.0.1:1"\n')
    monkeypatch.setenv("QUISAIT_FOLDER", "b")
    monkeypatch.setenv("QUISAIT_INDEX__URL", "http://127.0.0.1:2")
    monkeypatch.setenv("QUISAIT_SERVER__TOKEN_KEY", "k" * 32)
    loaded = load_settings()
    assert (loaded.folder, loaded.index.url) == ("b", "http://127.0.0.1:2")
    assert (loaded.index.alias, loaded.server.token_key) == ("kept", "k" * 32)


def test_the_environment_can_name_the_sources(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the page says: a list in JSON, in place of the file's."""
    file.write_text('[[sources]]\nname = "a"\nkind = "folder"\npath = "a"\n')
    monkeypatch.setenv("QUISAIT_SOURCES", '[{"name": "b", "kind": "export", "path": "b"}]')
    assert [source.name for source in load_settings().sources] == ["b"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("colour = 1", "colour"),
        ("[index]\ncolour = 1", "index.colour"),
        ("[indexes]\nengine = 'embedded'", "indexes"),
        ("[[sources]]\nname = 'a'\nkind = 'folder'\npath = 'a'\ncolour = 1", "sources.0.colour"),
        ("[[sources]]\nname = 'a:b'\nkind = 'folder'\npath = 'a'", "sources.0.name"),
        ("[[sources]]\nname = 'a'\nkind = 'ftp'\npath = 'a'", "sources.0.kind"),
        ("[[sources]]\nname = 'a'\nkind = 'folder'", "sources.0.path"),
        ("[index]\nengine = 'solr'", "index.engine"),
        ("[server]\nport = 70000", "server.port"),
        ("[server]\nreader = 'anybody'", "server.reader"),
        ("guard_share = 1.5", "guard_share"),
        ("[extractor]\ntimeout_s = 0", "extractor.timeout_s"),
        ("[encoder]\nthreads = -1", "encoder.threads"),
    ],
)
def test_what_is_unknown_or_wrong_is_refused_by_its_place(
    file: Path, text: str, place: str
) -> None:
    """A misspelt setting is no setting that silently does nothing."""
    file.write_text(text)
    with pytest.raises(ValidationError) as error:
        load_settings()
    assert faults(error) == [place]


@pytest.mark.parametrize("written", ['"1 bit"', '"1-bit"', "1"])
def test_one_bit_is_refused_with_what_to_write_instead(file: Path, written: str) -> None:
    """It ends a node of 3.6.0; who read that it saves most memory is told so before."""
    file.write_text(f"[index]\nquantisation = {written}\n")
    with pytest.raises(ValidationError) as error:
        load_settings()
    (line,) = validation_messages(error.value, file)
    assert "quisait.toml : index.quantisation" in line
    assert "écrivez « 7 bits »" in line


def test_two_sources_of_one_name_are_refused(file: Path) -> None:
    """They would take each other's documents for deleted."""
    source = '[[sources]]\nname = "a"\nkind = "folder"\npath = "{}"\n'
    file.write_text(source.format("x") + source.format("y"))
    with pytest.raises(ValidationError) as error:
        load_settings()
    assert faults(error) == ["sources"]


@pytest.mark.parametrize("name", ["everyone", "agent", "quisait"])
def test_a_source_has_no_name_of_the_application(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its accounts and groups would be the application's own principals."""
    monkeypatch.setenv("QUISAIT_SOURCES", json.dumps([{"name": name, "kind": "push"}]))
    with pytest.raises(ValidationError) as error:
        load_settings()
    assert faults(error) == ["sources.0.name"]


def test_parts_of_an_old_file_have_no_effect(file: Path) -> None:
    """Earlier versions read a source in parts; their settings are still read."""
    table = '[[sources]]\nname = "notes"\nkind = "folder"\npath = "documents"\n'
    file.write_text(table, "utf-8")
    without = load_settings().sources
    file.write_text(f"{table}parts = 4\n", "utf-8")
    assert load_settings().sources == without


def test_paths_are_relative_to_the_file(file: Path) -> None:
    """Wherever the command is run; an absolute path is itself."""
    assert beside_file("notes") == (file.parent / "notes").resolve()
    assert beside_file("/notes") == Path("/notes").resolve()


@pytest.mark.parametrize(
    "table",
    [
        'role = "officer"',
        'role = "officer"\nagents = ["a"]\ntopics = ["t"]',
        'role = "animator"\nagents = ["a"]',
        'role = "administrator"\ngroups = ["everyone"]',
        'role = "king"\nagents = ["a"]',
    ],
)
def test_a_role_is_for_somebody_and_only_an_animators_is_bounded(file: Path, table: str) -> None:
    """A role that nobody holds, or everybody, is a mistake."""
    file.write_text(f"[[roles]]\n{table}\n")
    with pytest.raises(ValidationError) as error:
        load_settings()
    assert faults(error)[0].startswith("roles.0")


@pytest.mark.parametrize(
    ("sources", "address", "said"),
    [
        ("[]", "https://qui-sait.test", "aucune source « matrix »"),
        ('[{"name": "tchap", "kind": "matrix"}]', "", "address"),
        ('[{"name": "tchap", "kind": "push"}]', "https://qui-sait.test", "matrix"),
    ],
)
def test_who_answers_in_rooms_has_an_account_and_pages(
    monkeypatch: pytest.MonkeyPatch, sources: str, address: str, said: str
) -> None:
    monkeypatch.setenv("QUISAIT_BOT__SOURCE", "tchap")
    monkeypatch.setenv("QUISAIT_SOURCES", sources)
    monkeypatch.setenv("QUISAIT_SIGN_ON__ADDRESS", address)
    with pytest.raises(ValueError, match=said):
        load_settings()
