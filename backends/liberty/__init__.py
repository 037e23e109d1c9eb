"""The stand-in for WebSphere Liberty, on aiohttp."""

from backends.contract import demand

demand("aiohttp", lowest="3.14.2", below="3.15")
