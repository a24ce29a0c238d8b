"""Settings and reading that formats share."""
