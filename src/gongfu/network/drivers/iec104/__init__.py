"""IEC 60870-5-104: follows the points of a station and gives it commands; see README.md."""
