"""Plants: which machines stand where, whose they are and which protocol they speak."""
