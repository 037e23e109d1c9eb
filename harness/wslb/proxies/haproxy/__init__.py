"""HAProxy: its language, its program, and which of the catalogue's claims were measured on it."""
