"""The command `quisait tune`, where the package `evaluation` of quisait is installed."""

from importlib.util import find_spec

from quisait.features import Feature

_TUNE = (
    "quisait_tune.command:tune_command",
    "Règle le classement sur vos questions jugées, s'il y gagne sur celles qu'il n'a pas vues.",
)

FEATURE = Feature(name="tune", commands={"tune": _TUNE} if find_spec("evaluation") else {})
