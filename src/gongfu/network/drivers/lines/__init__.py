"""Text lines from a serial port or socket: scales, gauges, scanners; see README.md."""
