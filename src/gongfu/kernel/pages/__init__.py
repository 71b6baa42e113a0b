"""List, detail, form and API of a model from one declaration."""
