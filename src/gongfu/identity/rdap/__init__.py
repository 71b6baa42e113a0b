"""Registry data for machines: who holds an identifier, since when, at which node, in which state."""
