"""Makes a user's own nginx configuration runnable in a lab without changing its meaning, and tells each change."""
