"""Prefixes, identifiers and where they are kept."""
