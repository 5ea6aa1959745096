"""Extractors: turn the bytes of a file into sections of text."""
