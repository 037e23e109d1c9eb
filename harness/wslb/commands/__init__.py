"""What each command does; `wslb.cli` asks for it."""
