"""The settings of the second model."""

from pydantic import Field

from quisait.settings.types import SettingsTable


class RerankerSettings(SettingsTable):
    """Un second modèle, qui relit les premiers documents ; éteint sans « model »."""

    model: str = Field(
        "", description="dossier d'un « cross-encoder » (ONNX, ou sentence-transformers)"
    )
    documents: int = Field(
        20, ge=2, le=200, description="tant de premiers documents sont relus, par leur passage"
    )
    time_limit_ms: int = Field(
        1_000,
        ge=1,
        le=10_000,
        description="temps accordé à une question, en ms ; au-delà, la page vient sans lui",
    )
    weight: float = Field(
        0.5, ge=0, le=1, description="part de ce modèle dans leur ordre ; 1 : il en décide seul"
    )
