"""The stand-in for Node.js, on websockets."""
