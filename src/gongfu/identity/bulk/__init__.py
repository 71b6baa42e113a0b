"""Many identifiers at once: batches over the API, files through the console."""
