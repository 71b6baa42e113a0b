"""Simulated machines and plants, and recorded files replayed as live devices."""
