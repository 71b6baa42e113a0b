"""Discovery: scans of permitted networks, what they found, and the way from there to a configured device."""
