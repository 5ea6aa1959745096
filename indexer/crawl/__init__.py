"""Crawl a source: read, extract, encode and write, with what failed and what is tried again."""
