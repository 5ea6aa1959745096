"""Declares the command `quisait demo`."""

from quisait.features import Feature

FEATURE = Feature(
    name="demo",
    commands={
        "demo": (
            "quisait_demo.command:demo",
            "Indexe l'administration fictive, puis la sert sur cette machine.",
        )
    },
)
