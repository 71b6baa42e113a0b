"""Commands to devices: set-points with permission, reason, limits, interlocks and read-back."""
