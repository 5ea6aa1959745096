"""Rooms of a Matrix server, such as Tchap, as a source of conversations."""
