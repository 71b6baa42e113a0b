"""HTTP both ways: ask a web service for readings, or take what devices and systems post."""
