"""The Handle protocol (RFC 3651, RFC 3652) with the additions of China's national identifier system."""
