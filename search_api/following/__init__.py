"""Followed topics and searches, and what is new on them."""
