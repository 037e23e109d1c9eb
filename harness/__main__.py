"""``python -m harness`` is ``wslb``."""

from harness.cli import main

if __name__ == "__main__":
    main()
