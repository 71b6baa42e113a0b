"""Background work that people start, watch and find the result of."""
