"""What people see of the levels of the identifier system: where a prefix is served, which path a resolution took."""
