"""wslb: does my reverse proxy really balance WebSockets? The library behind the command and the pytest plugin."""
