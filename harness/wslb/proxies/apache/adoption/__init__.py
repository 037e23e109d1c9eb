"""Makes a user's own httpd configuration runnable in a lab without changing its meaning, and tells each change."""
