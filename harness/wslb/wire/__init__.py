"""The client side of RFC 6455 without I/O: bytes in, events and bytes out.

`http1` has heads, `upgrade` the opening handshake, `frames` the frames, `machine` all of it as one connection. Nothing
here knows a socket, a clock or a source of randomness; `wslb.load` and `wslb.lab` bring those.
"""
