"""The command line: one module per group of commands.

It may import everything; nothing imports it.
"""


def start() -> int:
    """Run the command from its script; Ctrl-C during import ends in one line, too."""
    try:
        _open_closed_streams()
        _stop_on_signals()
        from eie.cli.main import main

        return main()
    except KeyboardInterrupt:
        import sys

        print("eie: stopped", file=sys.stderr)
        return 1
    finally:
        _ignore_signals()


def _open_closed_streams() -> None:
    """Open what the shell has closed: else a file that is written takes its place, and what is printed goes into it."""
    import os
    import sys

    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # takes the lowest number, for children, too
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115


def _stop_on_signals() -> None:
    """Let signals that end a process or a session end it as Ctrl-C does, so that it removes what is half-written."""
    import signal

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:  # not where nohup ignores it
            signal.signal(number, signal.default_int_handler)


def _ignore_signals() -> None:
    """Ignore what would stop the interpreter while it ends: all is written, and it would print a traceback."""
    import signal

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.default_int_handler:
            signal.signal(number, signal.SIG_IGN)
