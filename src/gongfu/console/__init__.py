"""The console: shell, navigation, components; composes the pages of every room."""
