"""Checks: pure functions from a `Record` to a `Verdict`. Each fails on a record without evidence.

A factory that takes limits returns the check; the name in the verdict is the name of the factory or function.
"""
