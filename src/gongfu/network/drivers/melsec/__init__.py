"""Mitsubishi MELSEC, MC protocol (SLMP): 3E and 4E frames, binary and ASCII, over TCP and UDP."""
