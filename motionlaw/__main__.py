"""Lets ``python -m motionlaw`` do what the ``motionlaw`` command does."""

from motionlaw.cli import main

if __name__ == "__main__":
    main()
