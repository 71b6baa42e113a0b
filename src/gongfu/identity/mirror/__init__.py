"""Mirrors: a node that keeps a copy of another node's identifiers, fed by the bus."""
