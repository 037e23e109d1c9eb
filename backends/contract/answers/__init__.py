"""How an original answers a request, byte for byte: the fields of its 101, and its refusals.

As a real Open Liberty 24.0.0.12 and a real Node.js `websocket` 1.0.35 were seen to do: tests/originals compares.
"""
