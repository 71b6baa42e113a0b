"""Offers: what an organisation's devices are served as, to programs of other makers."""
