"""Retrofit: which machines there are, which really deliver, what the next cheap step is; and recipes made by a form."""
