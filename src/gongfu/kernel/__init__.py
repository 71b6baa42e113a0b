"""内核: what every room stands on: settings, errors, permissions, audit, workflow, pages, bus and store clients."""
