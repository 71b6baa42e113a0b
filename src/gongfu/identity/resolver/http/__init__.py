"""The HTTP door of the resolver: Handle.Net's JSON API, the secondary nodes' interfaces, pages for browsers."""
