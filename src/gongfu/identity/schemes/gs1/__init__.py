"""GS1 keys and everything that may stand beside them, in each of their notations."""
