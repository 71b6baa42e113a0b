"""Retrofit of dumb equipment: states and counts derived from a clamp, a pulse or a stack light. Pure."""
