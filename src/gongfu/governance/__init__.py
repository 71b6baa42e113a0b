"""Room 治理: what officials plan, support, assess and answer for."""
