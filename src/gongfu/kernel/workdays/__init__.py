"""Working days of China: public holidays, weekends worked in exchange, and deadlines counted in working days."""
