"""Files that are dropped into a folder, or grow there."""
