"""Sentences that the script of the SQL page shows."""

from __future__ import annotations

from django.utils.translation import gettext as _


def script_texts() -> dict[str, str]:
    """English sentence → the same in the language of the request."""
    return {
        "Running…": _("Running…"),
        "Stopped.": _("Stopped."),
        "{rows} rows in {time} s": _("{rows} rows in {time} s"),
        "Only the first {rows} rows are shown; a file holds all of them.": _(
            "Only the first {rows} rows are shown; a file holds all of them."
        ),
        "The query did nothing that has a result.": _("The query did nothing that has a result."),
        "No rows.": _("No rows."),
        "The node does not answer.": _("The node does not answer."),
        "There is nothing to draw: choose a column of numbers.": _(
            "There is nothing to draw: choose a column of numbers."
        ),
    }
