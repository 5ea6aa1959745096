"""Reads the pages and files of a DokuWiki, with its access rules, as a source of quisait."""
