"""Edge nodes as the node sees them: joining, state, rules, orders, upgrades."""
