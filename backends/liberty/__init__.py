"""The stand-in for WebSphere Liberty, on aiohttp."""
