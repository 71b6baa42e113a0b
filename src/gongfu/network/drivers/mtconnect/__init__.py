"""MTConnect: a client of an agent, which speaks XML over HTTP."""
