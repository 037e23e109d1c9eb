"""Plays either stand-in at little cost for each connection, for load."""
