"""Settings of what is held about agents (docs/vie-privee.md)."""

from pydantic import Field

from quisait.setting_types import Table


class PrivacySettings(Table):
    """Ce qui est gardé des agents, et combien de temps (docs/vie-privee.md)."""

    audit_days: int = Field(
        1_095,
        ge=365,
        description="jours pendant lesquels le registre des consultations privilégiées est gardé",
    )
