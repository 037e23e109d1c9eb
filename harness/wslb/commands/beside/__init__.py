"""Several proxies beside each other: ``wslb compare --proxies``."""
