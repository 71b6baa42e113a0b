"""Every scheme of identifiers behind one entry: recognise, check, normalise, and say who answers."""
