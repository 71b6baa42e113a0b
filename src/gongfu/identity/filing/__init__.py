"""Filing 备案: a node's prefixes and enterprises are reviewed by the node above."""
