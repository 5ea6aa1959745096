"""Files of Windows shares, with readers from their access lists (docs/sources/fichiers.md)."""
