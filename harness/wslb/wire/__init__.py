"""The client side of RFC 6455 without I/O: bytes in, events and bytes out.

`wire` has the opening handshake, `frames` the frames, `machine` both as one connection. Nothing here knows a socket, a
clock or a source of randomness; `wslb.load` and `wslb.lab` bring those.
"""
