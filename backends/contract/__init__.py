"""What every backend shares by the contract of README.md: options, journal, faults, control port, dialogue."""
