"""The backends of a lab."""
