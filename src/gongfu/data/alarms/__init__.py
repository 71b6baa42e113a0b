"""Alarms: rules over readings, their life after ISA-18.2, and who is told."""
