"""The governed library of information models, and which device follows which of them."""
