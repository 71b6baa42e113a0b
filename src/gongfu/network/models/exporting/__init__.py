"""Models for other systems: JSON Schema of their readings, OPC UA NodeSet2, Asset Administration Shell submodels."""
