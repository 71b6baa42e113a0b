"""BACnet/IP: reads properties of building controllers, and writes them with priority; see README.md."""
