"""Settings of the LDAP directory: its filters, and the authority of its groups."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError
from quisait_ldap.config import ACTIVE_DIRECTORY_AGENTS
from quisait_ldap.opening import ldap_config

from connectors.ports import SourceRefused
from quisait import settings
from quisait.application.certificates import tls_servers
from quisait.application.sources import open_directory
from quisait.features import settings_parts
from quisait.settings import load_settings
from quisait.settings.documentation import initial_file
from quisait.settings.types import validation_messages

pytestmark = pytest.mark.sources


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings' file in force."""
    monkeypatch.setenv("QUISAIT_FILE", str(tmp_path / "quisait.toml"))
    return tmp_path / "quisait.toml"


_WIKI = {"kind": "mediawiki", "url": "https://wiki.test/api.php", "user": "robot"}


@pytest.mark.parametrize(
    ("source", "groups"), [({"kind": "push"}, "scim"), (_WIKI, "reader_groups")]
)
def test_a_source_fills_no_group_of_the_directory(
    source: dict[str, object], groups: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its members would read what the directory's groups read."""
    monkeypatch.setenv("QUISAIT_LDAP__URLS", '["ldaps://annuaire.test"]')
    named = {"name": "ldap", **source}
    monkeypatch.setenv("QUISAIT_SOURCES", json.dumps([named]))
    load_settings()
    monkeypatch.setenv("QUISAIT_SOURCES", json.dumps([named | {groups: True}]))
    with pytest.raises(ValueError, match="authority"):
        load_settings()


def test_an_active_directory_is_read_by_its_own_filters(file: Path) -> None:
    """Though the first file writes down others: only a filter that somebody chose is taken."""
    written = initial_file()
    assert written.count("active_directory = false") == 1
    file.write_text(written.replace("active_directory = false", "active_directory = true"), "utf-8")
    place = ldap_config(load_settings())
    assert place.agents_filter == ACTIVE_DIRECTORY_AGENTS
    chosen = '[ldap]\nactive_directory = true\nagents_filter = "(sAMAccountName=ag-*)"\n'
    file.write_text(chosen, "utf-8")
    assert ldap_config(load_settings()).agents_filter == "(sAMAccountName=ag-*)"


def test_settings_without_the_package_name_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text('[ldap]\nurls = ["ldaps://annuaire.test"]\n', "utf-8")
    others = {name: part for name, part in settings_parts().items() if name != "ldap"}
    monkeypatch.setattr(settings, "settings_parts", lambda: others)
    with pytest.raises(ValidationError) as error:
        settings._settings_class.__wrapped__()()
    (message,) = validation_messages(error.value, file)
    assert "« quisait-ldap », qui n'est pas installé : installez-le" in message


def test_a_second_directory_is_refused(file: Path) -> None:
    """Nobody could tell which of two directories opens and closes documents."""
    file.write_text(
        '[directory]\nagents = "agents.csv"\n[ldap]\nurls = ["ldaps://annuaire.test"]\n', "utf-8"
    )
    with pytest.raises(SourceRefused, match=r"\[directory\] agents ou \[ldap\], pas les deux"):
        open_directory(load_settings())


def test_certificates_of_directory_servers_are_watched(file: Path) -> None:
    """Those that speak TLS from the first byte."""
    file.write_text(
        '[ldap]\nurls = ["ldaps://a.test", "ldaps://b.test:1636", "ldap://c.test"]\n'
        "start_tls = true\n",
        "utf-8",
    )
    assert tls_servers(load_settings()) == (("a.test", 636), ("b.test", 1636))
