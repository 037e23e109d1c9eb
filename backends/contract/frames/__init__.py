"""Frames of an accepted connection: how they are read and written, and what the originals make of them."""
