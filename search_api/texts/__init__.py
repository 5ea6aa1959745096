"""Texts that an agent meets: sentences, plural forms, names of months and roles."""
