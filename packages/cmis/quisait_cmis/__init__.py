"""Documents of a CMIS 1.1 repository, read by its browser binding (docs/sources/fichiers.md)."""
