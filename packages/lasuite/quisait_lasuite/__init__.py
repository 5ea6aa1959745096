"""Formats of La Suite: documents and searches of find, groups by SCIM 2.0."""
