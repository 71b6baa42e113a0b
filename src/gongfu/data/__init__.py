"""数据: telemetry and, later, catalogue, classification, data space."""
