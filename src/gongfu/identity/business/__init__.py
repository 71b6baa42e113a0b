"""Business management of a secondary node: applications, contracts, quotas, metadata templates, reports."""
