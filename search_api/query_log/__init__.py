"""The query log: counts of queries, without names."""
