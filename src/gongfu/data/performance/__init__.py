"""绩效: OEE, utilisation and energy of machines, over shifts and calendars."""
