"""Search over all identifiers of this node, through the telemetry engine."""
