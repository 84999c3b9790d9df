"""`python -m mediaserver` is the command `mediaserver`."""

from mediaserver.cli.main import main

if __name__ == "__main__":
    main()
