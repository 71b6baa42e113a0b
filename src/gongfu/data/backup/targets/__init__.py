"""Where backups lie: a folder or an S3-compatible address, behind one port."""
