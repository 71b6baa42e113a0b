"""A device that is no machine: its tags are computed from those of others."""
