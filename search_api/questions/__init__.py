"""Understand what a reader typed: operators, the glossary, corrections, suggestions."""
