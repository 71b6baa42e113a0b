"""Template filters of expert review."""
