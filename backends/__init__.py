"""Backends: programs that serve WebSockets and tell what reached them. README.md is the contract they keep."""
