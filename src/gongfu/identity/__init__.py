"""标识: the Handle protocol, the registry, the resolver."""
