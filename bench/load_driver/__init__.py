"""An outside driver that makes readings as fast as the gateway takes them."""
