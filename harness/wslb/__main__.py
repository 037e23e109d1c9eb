"""``python -m wslb`` is ``wslb``."""

from wslb.cli.main import main

if __name__ == "__main__":
    main()
