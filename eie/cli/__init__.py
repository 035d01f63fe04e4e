"""The command line: one module per group of commands.

It may import everything; nothing imports it.
"""


def start() -> int:
    """Run the command from its script; Ctrl-C during import ends in one line, too."""
    try:
        from eie.cli.main import main

        return main()
    except KeyboardInterrupt:
        import sys

        print("eie: stopped", file=sys.stderr)
        return 1
