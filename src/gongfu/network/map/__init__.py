"""The network map without pages: measuring, drawing, comparing. Pure, but for the sockets of :mod:`.probing`."""
