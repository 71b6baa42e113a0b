"""Nodes that this one is paired with, and the signed channel to them."""
