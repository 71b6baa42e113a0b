"""A small module as another engineer would write it, for the tests of the kernel."""
