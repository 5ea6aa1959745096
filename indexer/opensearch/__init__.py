"""The production index: OpenSearch, with a document's passages nested in it."""
