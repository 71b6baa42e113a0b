"""Ways to tell people, one folder each; pure but for :mod:`.posting` and :mod:`.email.sender`."""
