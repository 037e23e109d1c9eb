"""What each command does; `wslb.cli.main` asks for it."""
