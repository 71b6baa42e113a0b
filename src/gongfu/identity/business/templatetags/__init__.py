"""Tags of business management."""
