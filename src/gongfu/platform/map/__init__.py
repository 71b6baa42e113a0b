"""The network map: what is built, how it runs, who uses it."""
