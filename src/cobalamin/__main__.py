"""``python -m cobalamin`` is the command line."""

from cobalamin.study.cli import main

if __name__ == "__main__":
    main()
