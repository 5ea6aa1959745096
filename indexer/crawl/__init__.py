"""Crawls a source: reads, extracts, encodes and writes documents; records failures and retries."""
