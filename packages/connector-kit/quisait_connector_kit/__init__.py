"""The contract of connectors, as a pytest plugin for connector authors (docs/connecteur.md)."""
