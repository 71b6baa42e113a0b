"""What follows from readings while they pass."""
