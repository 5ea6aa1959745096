"""The bundled encoder, its preparation, and the export of other models (docs/administration.md)."""
