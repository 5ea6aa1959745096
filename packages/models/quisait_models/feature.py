"""The command `quisait model`."""

from quisait.features import Feature

FEATURE = Feature(
    name="models", commands={"model": ("quisait_models.command:model_app", "Modèles d'encodage.")}
)
