"""网络: drivers, the gateway, information models."""
