"""Reads any httpd configuration: directives, conditions, scopes, mounts, members."""
