"""The index for one machine: SQLite, tantivy and numpy, without a server."""
