"""HAProxy's configurations of users: read, made runnable in a lab, and told line by line."""
