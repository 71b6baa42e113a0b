"""Modbus TCP: polls coils and registers; see README.md."""
