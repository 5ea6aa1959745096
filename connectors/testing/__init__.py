"""The contract of connectors, for their authors' tests: a plugin of pytest (docs/connecteur.md)."""
