"""The stand-in for Node.js, on websockets."""

from backends.contract import demand

demand("websockets", lowest="15", below="18")
