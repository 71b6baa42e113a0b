"""Computed tags: values that follow from other tags, of one device or many."""
