"""Dashboards that people build: pages of widgets over readings, wall screens, reports."""
