"""``python -m wslb`` is ``wslb``."""

from wslb.cli import main

if __name__ == "__main__":
    main()
