"""Serving devices northbound: whatever a device speaks, others may read it as OPC UA, Modbus TCP or Sparkplug B."""
