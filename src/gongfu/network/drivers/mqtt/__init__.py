"""MQTT with JSON payloads, over the node's own MQTT listener."""
