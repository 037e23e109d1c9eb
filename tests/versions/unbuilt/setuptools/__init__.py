"""Stands in for setuptools while sources are fetched: see build_meta."""
