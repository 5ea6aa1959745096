"""Declares the command `quisait schema`."""

from quisait.features import Feature

FEATURE = Feature(
    name="export",
    commands={"schema": ("quisait_export.command:schema_app", "Schémas publiés.")},
)
