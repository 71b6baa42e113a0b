"""Rows of a table, a view or a query in another system's database."""
