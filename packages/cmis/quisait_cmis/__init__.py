"""Documents of a CMIS 1.1 repository, by its browser binding (docs/sources/cmis.md)."""
