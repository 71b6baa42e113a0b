"""Official documents: one model, printed as PDF and as DOCX."""
