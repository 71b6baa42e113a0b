"""A driver that answers questions without a device, for tests of the desk."""
