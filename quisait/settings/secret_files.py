"""Read secret settings from files of their own, as containers and systemd provide them."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from quisait.settings.types import reason_of

FOLDER = "QUISAIT_SECRETS"
"""Environment variable with the path of the folder of secrets."""


class SecretFiles(PydanticBaseSettingsSource):
    """Reads one file per setting from the folder of secrets.

    `server__token_key` contains `token_key` of the table `[server]`. Files with other names are
    ignored.
    """

    def __init__(self, settings_cls: type[BaseSettings], folder: Path | None) -> None:
        """Read from `folder`; read nothing if it is None."""
        super().__init__(settings_cls)
        self._folder = folder

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return nothing, because `__call__` reads all fields at once."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the settings found. Raises `ValueError` if the folder or a file cannot be read."""
        if self._folder is None:
            return {}
        found: dict[str, Any] = {}
        try:
            for path in sorted(self._folder.iterdir()):
                table, _, name = path.name.partition("__")
                if not path.is_file() or not self._known(table, name):
                    continue
                content = path.read_text("utf-8").strip()
                if name:
                    found.setdefault(table, {})[name] = content
                else:
                    found[table] = content
        except OSError as error:
            raise ValueError(
                f"{error.filename} ne peut être lu ({reason_of(error)}) : donnez par {FOLDER} un "
                "dossier de secrets qui existe, et que ce compte lit."
            ) from error
        except UnicodeDecodeError:
            raise ValueError(f"{path} n'est pas du texte en UTF-8.") from None
        return found

    def _known(self, table: str, name: str) -> bool:
        field = self.settings_cls.model_fields.get(table)
        if field is None or not name:
            return field is not None and field.annotation is str
        model = field.annotation
        return (
            isinstance(model, type) and issubclass(model, BaseModel) and name in model.model_fields
        )
