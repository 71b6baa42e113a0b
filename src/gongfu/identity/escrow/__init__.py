"""Data escrow 托管: what this node has registered, kept by the node above and unreadable there."""
