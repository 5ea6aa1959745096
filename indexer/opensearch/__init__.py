"""The production index: OpenSearch, one document with nested passages."""
