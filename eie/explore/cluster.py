"""A sweep on the workers of a Dask cluster."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor
from contextlib import contextmanager


@contextmanager
def dask(address: str) -> Iterator[Executor]:
    """Return an executor for `run` that uses the Dask scheduler at `address`, such as `tcp://127.0.0.1:8786`.

    Its workers must have this package.

    Raises
    ------
    ModuleNotFoundError
        When dask is not installed.
    OSError
        When no scheduler answers, the scheduler is lost, or a job loses one worker after another.
    """
    try:
        from distributed import Client, KilledWorker
    except ModuleNotFoundError:
        raise ModuleNotFoundError("--dask needs Dask; to install it: pip install 'eie[dask]'") from None
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what it logs of a lost scheduler are tracebacks
    try:
        client = Client(address, timeout=10)
    except OSError as error:
        raise OSError(f"no Dask scheduler answers at {address}; to start one: dask scheduler ({error})") from error
    with client:
        try:
            yield client.get_executor(pure=False)
        except KilledWorker as error:
            raise OSError(f"workers died again and again ({error}); run the command again to continue") from error
        except CancelledError as error:
            raise OSError(f"the Dask scheduler at {address} was lost; run the command again to continue") from error
