"""Organisations, users, memberships and who may see what."""
