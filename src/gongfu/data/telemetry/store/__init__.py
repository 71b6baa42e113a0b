"""Where readings rest: one port, an embedded engine and a ClickHouse server behind it."""
