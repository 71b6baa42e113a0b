"""The targets of the documents: measured, reported, forecast (任务指标, GO1)."""
