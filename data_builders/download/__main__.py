"""``python -m data_builders.download``; see ``--help``."""

from data_builders.download.command import main

if __name__ == "__main__":
    main()
