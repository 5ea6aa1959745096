"""Extractors: bytes of a file to sections of text."""
