"""Settings that stand in files of their own: secrets, as containers and systemd hand them over."""

import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource

from quisait.settings.types import reason_of

FOLDER = "QUISAIT_SECRETS"
"""The environment variable that names the folder."""


class SecretFiles(PydanticBaseSettingsSource):
    """One file a setting, in the folder that `QUISAIT_SECRETS` names.

    `server__token_key` holds `token_key` of the table `[server]`. Files of other names are
    other programs' affair.
    """

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """All fields are read at once, by `__call__`."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Raises `ValueError` where the folder or a file in it cannot be read."""
        if not (folder := os.environ.get(FOLDER)):
            return {}
        found: dict[str, Any] = {}
        try:
            for path in sorted(Path(folder).iterdir()):
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
                f"{FOLDER} : {error.filename} ne peut être lu ({reason_of(error)}) : donnez un "
                "dossier de secrets qui existe, et que ce compte lit, ou retirez cette variable."
            ) from error
        except UnicodeDecodeError:
            raise ValueError(f"{FOLDER} : {path.name} n'est pas du texte en UTF-8.") from None
        return found

    def _known(self, table: str, name: str) -> bool:
        field = self.settings_cls.model_fields.get(table)
        if field is None or not name:
            return field is not None and field.annotation is str
        model = field.annotation
        return (
            isinstance(model, type) and issubclass(model, BaseModel) and name in model.model_fields
        )
