"""Sparkplug B: edge nodes that announce their metrics, over the node's own MQTT listener."""
