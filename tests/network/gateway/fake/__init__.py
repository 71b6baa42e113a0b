"""A polled driver without a device, for tests of the gateway."""
