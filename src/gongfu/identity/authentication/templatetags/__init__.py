"""Template tags of authentication."""
