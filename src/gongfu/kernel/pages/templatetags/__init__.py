"""Template tags of the generic pages."""
