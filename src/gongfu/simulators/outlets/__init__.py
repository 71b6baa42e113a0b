"""How simulated machines reach the world: one module a protocol, over real sockets."""
