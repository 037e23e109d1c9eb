"""What is configured, what was seen, what must have been elected: values and pure rules."""
