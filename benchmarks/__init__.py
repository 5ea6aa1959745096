"""Figures side by side, printed by scripts."""
