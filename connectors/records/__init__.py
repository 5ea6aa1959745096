"""A record as exports and pushes write it: one JSON object a line."""
