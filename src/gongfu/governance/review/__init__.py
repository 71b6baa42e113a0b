"""Expert review of applications: drawn by lot, without conflicts of interest, blind, explained."""
