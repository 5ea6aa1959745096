"""The query log: what agents ask, counted without names."""
