"""Every secret setting gets a known value; no output of any command shows it."""

import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from quisait.settings import Settings
from tests.service.place import Place, make_place
from tests.service.running import running

pytestmark = [pytest.mark.sources, pytest.mark.trust]

WORD = "inavouable"
PLANTED = {
    "QUISAIT_SERVER__TOKEN_KEY": f"{WORD}-cle-des-jetons-assez-longue-0001",
    "QUISAIT_INDEX__PASSWORD": f"{WORD}-0002",
    "QUISAIT_METRICS__TOKEN": f"{WORD}-0003",
    "QUISAIT_DATABASE_PASSWORD": f"{WORD}-0004",
    "QUISAIT_PASSWORD_WIKI2": f"{WORD}-0005",
    "QUISAIT_LOG__LEVEL": "debug",
}
_SECRET = re.compile(r"password$|secret$|_key$|^token$|^database$|salt$")


def test_no_setting_with_a_secret_is_told() -> None:
    """In the `repr` of settings, whatever table is added, a secret is left out."""
    told = [
        f"{model.__name__}.{name}"
        for model in _tables(Settings)
        for name, field in model.model_fields.items()
        if _SECRET.search(name) and field.annotation is str and field.repr
    ]
    assert told == []


def _tables(model: type[BaseModel]) -> list[type[BaseModel]]:
    found = [model]
    for field in model.model_fields.values():
        for one in (field.annotation, *get_args(field.annotation)):
            if isinstance(one, type) and issubclass(one, BaseModel):
                found += _tables(one)
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """With a wiki that does not answer, a file of secrets, and everything planted."""
    folder: Path = tmp_path_factory.mktemp("secrets") / "place"
    place = make_place(folder, **PLANTED)
    with (folder / "quisait.toml").open("a") as file:
        file.write(
            '\n[[sources]]\nname = "wiki2"\nkind = "mediawiki"\n'
            'url = "http://127.0.0.1:9/w/"\nuser = "robot"\n'
        )
    return place


@pytest.mark.parametrize("command", ["check", "sources"])
def test_no_command_tells_a_secret(place: Place, command: str) -> None:
    """Where it succeeds and where it fails, for people and in the journal."""
    told = _told(place, command)
    assert told.strip()
    assert WORD not in told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("QUISAIT_DATABASE", f"postgresql://u:{WORD}@h:{WORD}@127.0.0.1:x/y"),
        ("QUISAIT_DATABASE", f"postgresql://u:h@{WORD}@127.0.0.1:1/y"),
        ("QUISAIT_DATABASE", f"postgresql://u@127.0.0.1:1/y?sslmode={WORD}"),
        ("QUISAIT_INDEX__URL", f"http://u:{WORD}@127.0.0.1:9"),
        ("QUISAIT_SERVER", f'{{"token_key": "{WORD}", "inconnu": 1}}'),
        ("QUISAIT_SERVER__TOKEN_KEY", f"{WORD}"),
    ],
    ids=lambda one: one.replace(WORD, "s")[:40],
)
def test_no_fault_of_a_setting_tells_it(place: Place, name: str, value: str) -> None:
    """A refused setting is named; what stood in it is not."""
    told = _told(place, "check", **{name: value})
    assert told.strip()
    assert WORD not in told


def test_no_page_tells_a_secret(place: Place) -> None:
    """Pages, refusals, health, measures and the journal of a process that serves."""
    with running(place, "--no-crawl", name="secrets") as one:
        bearer = {"Authorization": f"Bearer {PLANTED['QUISAIT_METRICS__TOKEN']}"}
        for path in ("/", "/health/ready", "/api/v1/search?q=a", "/nulle-part", "/metrics"):
            for shown in ({}, {"Authorization": "Bearer faux"}, bearer):
                answer = one.get(path, one.pages, **shown)
                assert WORD not in answer.text + str(answer.headers)
        assert WORD not in one.get("/metrics", **bearer).text
        assert WORD not in one.journal.read_text("utf-8")


def test_files_of_secrets_that_all_may_read_are_told(tmp_path: Path, place: Place) -> None:
    """By their path; closed, nothing is said."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    file = secrets / "server__token_key"
    file.write_text(f"{WORD}-cle-des-jetons-assez-longue")
    file.chmod(0o644)
    assert str(file) in _told(place, "check", QUISAIT_SECRETS=str(secrets))
    file.chmod(0o600)
    assert str(file) not in _told(place, "check", QUISAIT_SECRETS=str(secrets))


def test_settings_with_a_password_that_all_may_read_are_told(tmp_path: Path) -> None:
    place = make_place(tmp_path / "place")
    settings = place.folder / "quisait.toml"
    written = settings.read_text("utf-8")
    for table in ("mail", "ldap", "mailbox"):
        settings.write_text(f'[{table}]\npassword = "{WORD}"\n\n{written}', "utf-8")
        settings.chmod(0o644)
        assert settings.name in _told(place, "check"), table
        settings.chmod(0o600)
        assert settings.name not in _told(place, "check"), table


def _told(place: Place, command: str, **more: str) -> str:
    done = place.with_settings(**more).ended(command)
    return done.stdout + done.stderr
