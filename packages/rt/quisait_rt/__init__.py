"""Reads the tickets of a Request Tracker, with its rights, as a source of quisait."""
