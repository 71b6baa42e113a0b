"""Self-assessment and diagnosis of enterprises 两化融合自评估、贯标、诊断."""
