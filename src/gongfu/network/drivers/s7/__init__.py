"""Siemens S7: polls data blocks, flags, inputs and outputs; see README.md."""
