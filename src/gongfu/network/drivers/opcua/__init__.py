"""OPC UA: subscribes to the variables of a server; see README.md."""
