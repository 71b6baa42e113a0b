"""The drill: a node that is destroyed under load and comes back, with everything that was acknowledged counted."""
