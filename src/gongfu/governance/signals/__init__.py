"""Signals of fraud among applications for support: the same paper twice, related firms, one project in pieces."""
