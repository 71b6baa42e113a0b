"""Answers the Handle protocol over UDP and TCP from the identifier store."""
