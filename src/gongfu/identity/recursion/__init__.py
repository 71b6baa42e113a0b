"""Resolves any identifier, beginning at the roots: the recursive role."""
