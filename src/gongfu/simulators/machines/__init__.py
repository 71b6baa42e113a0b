"""Machines with believable physics: stepped by time, deterministic from a seed, without any I/O."""
