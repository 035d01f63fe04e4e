"""Every command in hostile surroundings: `make fuzz` tries all pairs, `make test` a few.

Allowed is one line of an error, an exit status of 0, 1 or 2, and files that are whole. Each command runs in a process
of its own, as from a shell. A signal that comes before Python has imported anything of ours is Python's to answer.

    python tests/hunt.py [--only WORD]
"""

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import commands

EIE = [sys.executable, "-c", "import sys; from eie.cli import start; sys.argv[0] = 'eie'; sys.exit(start())"]
NETWORK = "net.onnx"
PART = ["--slice", "network=Table III", "--slice", "sample=0"]
COMMANDS = {
    "help": ["--help"],
    "version": ["--version"],
    "no command": ["tabel"],
    "table": ["table", "2"],
    "table as CSV": ["table", "4", "--csv"],
    "figure": ["figure", "5", "-o", "made.svg"],
    "rerun": ["rerun", "table5", "-o", "made.ipynb"],
    "claims": ["claims"],
    "measure": ["measure", "--quick", "-o", "made.json"],
    "experiment": ["experiment", "--list"],
    "experiment part": ["experiment", "mapping", *PART, "-o", "made.csv"],
    "data list": ["data", "list"],
    "data fetch": ["data", "fetch", "mnist"],
    "data verify": ["data", "verify", "mnist"],
    "inspect": ["inspect", NETWORK],
    "encode": ["encode", NETWORK, "--prune-to", "0.5", "-o", "made.eie"],
    "run": ["run", NETWORK, "--act-density", "0.5", "-o", "made"],
    "explain": ["explain", NETWORK, "--layer", "fc1", "--act-density", "0.5"],
    "sweep": ["sweep", "--layers", "NT-We", "--pe", "8", "-o", "made.parquet"],
    "sweep of a file": ["sweep", NETWORK, "--act-density", "0.5", "--pe", "8", "-o", "made.csv"],
    "rtl images": ["rtl", "images", "--outputs", "20", "--inputs", "20", "--pe", "2", "-o", "made"],
    "rtl trace": ["rtl", "trace", "--outputs", "20", "--inputs", "20", "--pe", "2", "--stepped", "-o", "made.vcd"],
}


@dataclass(frozen=True)
class Surroundings:
    """What is different: the environment (None removes a variable), words of the shell, Python's options, limits."""

    environment: dict = field(default_factory=dict)
    shell: str = '"$@"'
    python: tuple = ()
    limits: tuple = ()
    closed: bool = False  # folders may not be written to, as for a user without rights
    after: float = 0  # a signal comes after this part of the usual time
    signal: int = 0


ERRORS_CLOSED, ALL_CLOSED, ERRORS_FULL = '"$@" 2>&-', '"$@" <&- >&- 2>&-', '"$@" 2> /dev/full'
HEAD, NOBODY_READS = 'set -o pipefail; "$@" | head -1', 'set -o pipefail; "$@" | true'
UNHEARD = (ERRORS_CLOSED, ALL_CLOSED, ERRORS_FULL, HEAD, NOBODY_READS)
"""Words of the shell under which a command may fail without a line: no error can be printed, or nobody reads on."""

NOWHERE = "/nonexistent/folder"
SURROUNDINGS = {
    "usual": Surroundings(),
    "ASCII": Surroundings({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}),
    "C locale": Surroundings({"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    "odd encoding": Surroundings({"PYTHONIOENCODING": "cp1252"}),
    "output closed": Surroundings(shell='"$@" >&-'),
    "errors closed": Surroundings(shell=ERRORS_CLOSED),
    "all closed": Surroundings(shell=ALL_CLOSED),
    "input closed": Surroundings(shell='"$@" <&-'),
    "head": Surroundings(shell=HEAD),
    "nobody reads": Surroundings(shell=NOBODY_READS),
    "output full": Surroundings(shell='"$@" > /dev/full'),
    "errors full": Surroundings(shell=ERRORS_FULL),
    "no home": Surroundings({"HOME": None, "XDG_CACHE_HOME": None, "USER": None, "LOGNAME": None}),
    "home nowhere": Surroundings({"HOME": NOWHERE, "XDG_CACHE_HOME": None, "EIE_DATA": None}),
    "caches nowhere": Surroundings({"NUMBA_CACHE_DIR": NOWHERE, "XDG_CACHE_HOME": NOWHERE, "MPLCONFIGDIR": NOWHERE}),
    "caches that are files": Surroundings(dict.fromkeys(("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME"), "/dev/null")),
    "nothing may be written": Surroundings(closed=True),
    "no folder for temporary files": Surroundings({"TMPDIR": NOWHERE, "TEMP": NOWHERE, "TMP": NOWHERE}),
    "folder gone": Surroundings(shell='mkdir gone && cd gone && rmdir ../gone && "$@"'),
    "not compiled": Surroundings({"NUMBA_DISABLE_JIT": "1"}),
    "optimised": Surroundings(python=("-OO",)),
    "warnings are errors": Surroundings(python=("-W", "error")),
    "isolated": Surroundings(python=("-I",)),
    "little memory": Surroundings(limits=((resource.RLIMIT_AS, 600 * 2**20),)),
    "very little memory": Surroundings(limits=((resource.RLIMIT_AS, 120 * 2**20),)),
    "few files": Surroundings(limits=((resource.RLIMIT_NOFILE, 12),)),
    "disk full": Surroundings(limits=((resource.RLIMIT_FSIZE, 300),)),
    "disk full at once": Surroundings(limits=((resource.RLIMIT_FSIZE, 0),)),
    "no network": Surroundings(dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9") | {"EIE_DATA": None}),
    "narrow": Surroundings({"COLUMNS": "1", "TERM": "dumb"}),
    "odd numbers": Surroundings({"COLUMNS": "²", "OMP_NUM_THREADS": "x", "EIE_DATA": "\udcff"}),
    **{f"SIGINT at {part}": Surroundings(after=part, signal=signal.SIGINT) for part in (0.05, 0.15, 0.3, 0.5, 0.8)},
    **{f"SIGTERM at {part}": Surroundings(after=part, signal=signal.SIGTERM) for part in (0.1, 0.4, 0.7)},
    "SIGHUP": Surroundings(after=0.5, signal=signal.SIGHUP),
}


def prepared(folder):
    """Write the network that commands read."""
    import onnx_models

    onnx_models.small(folder / NETWORK)


def run(name, around, folder, usual_s=2.0):
    """Run a command in a folder; return its status, output and errors."""
    own = {name: str(folder / name.lower()) for name in ("TMPDIR", "EIE_DATA", "JUPYTER_RUNTIME_DIR")}
    own["PYTHONDONTWRITEBYTECODE"] = "1"
    environment = {**os.environ, **own, **around.environment}
    (folder / "tmpdir").mkdir(exist_ok=True)
    arguments = [str(folder / one) if one == NETWORK else one for one in COMMANDS.get(name, name)]
    command = ["bash", "-c", around.shell, "eie", EIE[0], *around.python, *EIE[1:], *arguments]
    if around.signal:
        command = [EIE[0], *EIE[1:], *arguments]

    def before():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        if around.signal:
            signal.signal(around.signal, signal.SIG_DFL)  # which a shell's `&` and nohup would have ignored
        if around.closed:
            commands._give_up_privileges()
        for kind, value in around.limits:
            resource.setrlimit(kind, (value, value))

    place = folder / "here"
    place.mkdir()
    if around.closed:
        place.chmod(0o555)
    process = subprocess.Popen(
        command,
        cwd=place,
        env={key: value for key, value in environment.items() if value is not None},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=before,
    )
    if around.signal:
        time.sleep(around.after * usual_s)
        process.send_signal(around.signal)
    try:
        out, err = process.communicate(timeout=300)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        if around != SURROUNDINGS["not compiled"]:  # which takes a hundred times as long
            err += b"\nTraceback: it goes on after 300 s\n"
    return process.returncode, out.decode(errors="replace"), err.decode(errors="replace")


CRASHES = ("Traceback", "Exception ignored", "Fatal Python", "Segmentation", "Error in sys", "core dumped")


def faults(name, around, status, out, err, folder):
    """What is wrong with how a command ended."""
    if around == SURROUNDINGS["not compiled"] and status == -signal.SIGKILL:
        return []
    if around.signal and "eie" not in err and (status == -around.signal or "import_site" in err):
        err, status = "", 0
    found = [word for word in CRASHES if word in err or word in out]
    if status not in (0, 1, 2):
        found.append(f"status {status}")
    lines = err.splitlines()
    if any(not line.startswith("eie: ") for line in lines):
        found.append("other lines than its own")
    if status and len(lines) > 1:
        found.append("more than one line")
    if status and not lines and around.shell not in UNHEARD:
        found.append("no line")
    hidden = [path for path in (folder / "here").rglob(".*") if not (path.parent / "plan.json").is_file()]  # to go on
    kernels = folder.glob("jupyter_runtime_dir/*")
    left = [path.name for path in (*hidden, *kernels, *(folder / "tmpdir").iterdir())]
    if left:
        found.append(f"left {left}")
    return found


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--only", default="")
    options.add_argument("--commands", default="")
    given = options.parse_args()
    wrong = 0
    for name in COMMANDS:
        if given.commands and name not in given.commands.split(","):
            continue
        usual_s = 2.0
        for title, around in SURROUNDINGS.items():
            if given.only and given.only not in title and title != "usual":
                continue
            with tempfile.TemporaryDirectory() as made:
                folder = Path(made)
                prepared(folder)
                began = time.monotonic()
                status, out, err = run(name, around, folder, usual_s)
                if title == "usual":
                    usual_s = time.monotonic() - began
                found = faults(name, around, status, out, err, folder)
                (folder / "here").chmod(0o755)
            if found:
                wrong += 1
                said = "\n    ".join(err.splitlines()[-6:])
                print(f"{name}, {title}: {status}: {'; '.join(found)}\n    {said}", flush=True)
    print(f"{wrong} wrong")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
