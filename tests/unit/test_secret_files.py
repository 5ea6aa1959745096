"""Settings from files of their own, as containers hand secrets over."""

from pathlib import Path

import pytest

from quisait.settings import load_settings

pytestmark = pytest.mark.trust


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of secrets beside a settings file."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    monkeypatch.setenv("QUISAIT_SECRETS", str(secrets))
    monkeypatch.setenv("QUISAIT_FILE", str(tmp_path / "quisait.toml"))
    (tmp_path / "quisait.toml").write_text(
        'database = "kept"\n[server]\nport = 8099\ntoken_key = "of the file"\n'
    )
    return secrets


def test_a_file_gives_the_setting_of_its_name(folder: Path) -> None:
    """Of a table or not, without the end of its last line; the file's other settings stay."""
    (folder / "server__token_key").write_text("k" * 32 + "\n")
    (folder / "database_password").write_text("s3cret\n")
    (folder / "index__password").write_text("é\n", "utf-8")
    settings = load_settings()
    assert settings.server.token_key == "k" * 32
    assert settings.server.port == 8099
    assert (settings.database, settings.database_password) == ("kept", "s3cret")
    assert settings.index.password == "é"


def test_the_folder_beside_the_settings_is_read_unless_another_is_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the variable; a settings file without such a folder has no secrets."""
    (folder / "server__token_key").write_text("k" * 32)
    monkeypatch.delenv("QUISAIT_SECRETS")
    assert load_settings().server.token_key == "k" * 32
    named = tmp_path / "named"
    named.mkdir()
    monkeypatch.setenv("QUISAIT_SECRETS", str(named))
    assert load_settings().server.token_key == "of the file"
    monkeypatch.delenv("QUISAIT_SECRETS")
    folder.rename(tmp_path / "elsewhere")
    assert load_settings().server.token_key == "of the file"


def test_the_environment_wins_over_the_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As over everything else."""
    (folder / "server__token_key").write_text("a" * 32)
    monkeypatch.setenv("QUISAIT_SERVER__TOKEN_KEY", "b" * 32)
    assert load_settings().server.token_key == "b" * 32


def test_other_programs_secrets_are_left_alone(folder: Path) -> None:
    """A file of no setting's name is not quisait's affair."""
    for name in ("postgres", "server__colour", "sources", "server", "index"):
        (folder / name).write_text("x")
    (folder / "folder__x").mkdir()
    assert load_settings().server.token_key == "of the file"


def test_a_link_is_followed(folder: Path, tmp_path: Path) -> None:
    """Out of the folder too: a secret that is left out would be a service without it."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("k" * 32)
    (folder / "server__token_key").symlink_to(elsewhere)
    assert load_settings().server.token_key == "k" * 32


def test_a_folder_that_cannot_be_read_is_a_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service without its secrets must not start as if it had none."""
    monkeypatch.setenv("QUISAIT_SECRETS", str(folder / "absent"))
    with pytest.raises(ValueError, match="QUISAIT_SECRETS"):
        load_settings()
