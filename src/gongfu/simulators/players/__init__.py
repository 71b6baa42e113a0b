"""How a recorded row becomes a reading on each protocol, every row exactly once as far as the store can see."""
