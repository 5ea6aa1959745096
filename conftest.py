"""Tests and packages are marked and chosen alike, wherever a run begins."""

pytest_plugins = ("tests.selection",)
