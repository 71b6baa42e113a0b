"""Two enterprises, their people, and a store of their own."""

from plants import li, own_store, plants, root, wang

__all__ = ["li", "own_store", "plants", "root", "wang"]
