"""Applies functions to items on a Ray cluster, or on one that is started on this machine.

Ray places the tasks and runs those again whose process or machine is lost. They pass data to each other in files of a
folder that all machines see: each attempt writes under a name of its own and renames when it is done, so an attempt
that is lost, or that goes on after all, leaves nothing half-written. A machine that does not see the folder is found
before it runs a task.
"""

import itertools
import os
import pickle
import signal
import socket
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from unipref.core import user_code
from unipref.core.errors import ResourceError, UserError, first_line, raise_if_resource
from unipref.core.terminal import guard_libraries
from unipref.core.workers.local import Progress

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2
"""Tasks per core that may be running, or finished and waiting to be read."""
OWN_VARIABLES = "UNIPREF_"
"""Beginning of the names of the environment variables that the tasks get from the driver."""
MEND_ADDRESS = "Give the address that `ray start` printed, or none to start a cluster on this machine."
SECONDS_TO_CONNECT = 10.0
"""How long an address has to answer."""
RETRIES = 5
"""How often a task is run again whose process or machine is lost."""


class RayCluster:
    """Runs functions over items as tasks of Ray; the results come in the order of the items.

    Args:
        address: of the cluster, such as `auto` or `10.0.0.1:6379`; None: one is started here, and ends with the run.
        workers: most tasks at a time; None: one per core of the cluster.
        on_progress: called with the work's label, the number of finished items and of all items.
        gpus: GPUs that each task has for itself; it waits until the cluster has them.
        environment: variables that the tasks get, besides this process's `UNIPREF_...`.

    Raises:
        UserError: Ray is not installed.
    """

    def __init__(
        self,
        address: str | None = None,
        workers: int | None = None,
        on_progress: Progress | None = None,
        gpus: float = 0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        try:
            import ray
        except ImportError as error:
            raise UserError(
                "the package ray is not installed.", where="engine", mend="Run: pip install 'unipref[ray]'"
            ) from error
        self._ray, self._address, self.workers, self._on_progress = ray, address, workers, on_progress
        self._gpus, self._environment, self._is_own = gpus, dict(environment or {}), False
        self._token: Path | None = None
        self._code: Any = None
        self._task: Any = None
        self._submitted: dict[Future[Any], Any] = {}

    def share(self, folder: Path) -> None:
        """States that tasks pass files to each other in a folder: each machine must see it."""
        self._token = folder.resolve() / f".seen-by-all-{uuid.uuid4().hex[:12]}"
        self._token.touch()

    def map(self, fn: Callable[[Item], Result], items: Sequence[Item], *, label: str) -> Iterator[Result]:
        """Yields `fn` of each item, in order; at most a few items run ahead of the next result.

        Args:
            fn: a function of a module, which is installed on all machines.
            items: arguments of `fn`; picklable.
            label: name of the work, for progress and errors.

        Raises:
            UserError: `fn` raised it, a machine does not see the folder, or a task was lost too often.
        """
        for done, result in enumerate(self.stream(fn, iter(items), label=label), 1):
            yield result
            if self._on_progress is not None:
                self._on_progress(label, done, len(items))

    def stream(self, fn: Callable[[Item], Result], items: Iterator[Item], *, label: str) -> Iterator[Result]:
        """Yields `fn` of each item, as `map`, for items whose number is unknown."""
        first = next(items, _NO_ITEM)
        if first is _NO_ITEM:  # nothing to start a cluster for
            return
        items = itertools.chain([first], items)
        self._start()
        ray = self._ray
        most = AHEAD * (self.workers or max(1, int(ray.cluster_resources().get("CPU", 1))))
        running: deque[Any] = deque()
        try:
            while True:
                while len(running) < most and (item := next(items, _NO_ITEM)) is not _NO_ITEM:
                    running.append(self._launch(fn, item))
                if not running:
                    return
                yield self._get(running.popleft(), label)
        finally:
            for reference in running:
                ray.cancel(reference, force=True)

    def submit(self, fn: Callable[[Item], Result], item: Item) -> "Future[Result]":
        """Starts one task, `fn` of an item as for `map`; `take` returns its result."""
        self._start()
        reference = self._launch(fn, item)
        future: Future[Result] = reference.future()
        self._submitted[future] = reference
        return future

    def _launch(self, fn: Callable[[Item], Result], item: Item) -> Any:
        """Starts one task and returns Ray's reference to its result."""
        # As bytes: the process can import the study's own code only when it has been prepared.
        call = self._ray.cloudpickle.dumps((fn, item))
        return self._task.remote(call, None if self._token is None else str(self._token), self._code)

    def take(self, future: "Future[Result]", label: str) -> Result:
        """Waits for a task that `submit` started, and returns its result; errors as for `map`."""
        result: Result = self._get(self._submitted.pop(future), label)
        return result

    def _get(self, reference: Any, label: str) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except errors.RayTaskError as error:
            cause = error.cause
            raise_if_resource(cause, label)
            raise cause from None
        except errors.RayError as error:
            raise ResourceError(
                f"a task was lost {RETRIES + 1} times: {first_line(error)}.",
                where=label,
                mend="Look at the cluster's machines and their memory (`ray status`), and run again.",
            ) from error

    def _start(self) -> None:
        """Connects to the cluster, or starts one."""
        ray = self._ray
        if self._code is not None:
            return
        if not ray.is_initialized():
            _check_address(self._address)
            on_term = signal.getsignal(signal.SIGTERM)
            quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
            try:
                if self._address is None:
                    ray.init("local", num_cpus=self.workers, include_dashboard=False, **quiet)
                else:
                    ray.init(self._address, **quiet)
            except (ConnectionError, ValueError, RuntimeError) as error:
                raise UserError(
                    f"the cluster cannot be reached: {first_line(error)}.",
                    where="engine.ray.address",
                    mend=MEND_ADDRESS,
                ) from error
            self._is_own = True
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, on_term)  # Ray's handler would end the run without a word
        self._check_gpus()
        # A process with GPUs would end after each task, and load its model again, without `max_calls`.
        self._task = ray.remote(max_retries=RETRIES, num_gpus=self._gpus, max_calls=0)(_apply)
        variables = {name: value for name, value in os.environ.items() if name.startswith(OWN_VARIABLES)}
        self._code = ray.put((user_code.snapshot(), variables | self._environment))

    def _check_gpus(self) -> None:
        """Refuses a cluster of this machine without the GPUs: its tasks would wait for ever."""
        found = float(self._ray.cluster_resources().get("GPU", 0))
        if self._address is None and self._gpus > found:
            self.close()
            raise UserError(
                f"each task asks for {self._gpus:g} GPUs, and this machine has {found:g}.",
                where="engine.ray.gpus",
                mend="Take 'gpus' out, or give the address of a cluster that has them.",
            )

    def close(self) -> None:
        """Stops the tasks whose result nobody took, and leaves the cluster; ends it if it was started here."""
        try:
            for reference in self._submitted.values():
                self._ray.cancel(reference, force=True)
            self._submitted.clear()
            if self._token is not None:
                self._token.unlink(missing_ok=True)
        finally:
            if self._is_own:
                self._ray.shutdown()
            self._is_own, self._code = False, None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


_NO_ITEM: Any = object()


def _check_address(address: str | None) -> None:
    """Refuses an address at which nothing answers: Ray would try again for minutes.

    Raises:
        UserError: nothing answers.
    """
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        return  # `auto`, or none
    try:
        socket.create_connection((host.strip("[]"), int(port)), SECONDS_TO_CONNECT).close()
    except (OSError, OverflowError) as error:
        raise UserError(
            f"nothing answers at {address}: {first_line(error)}.",
            where="engine.ray.address",
            mend=MEND_ADDRESS,
        ) from error


def _apply(call: bytes, token: str | None, code: Any) -> Any:
    """Calls a pickled function of an item in a process of the cluster."""
    if token is not None and not Path(token).is_file():
        raise UserError(
            f"a machine of the cluster ({os.uname().nodename}) does not see '{Path(token).parent}'.",
            where="engine",
            mend="Give a run folder with -o that all machines share, such as one on a network disk.",
        )
    _prepare(code)
    fn, item = pickle.loads(call)
    try:
        return fn(item)
    except Exception as error:
        raise_if_resource(error)
        raise


_prepared_for: Any = None


def _prepare(code: Any) -> None:
    """Prepares the process, once for each study: one thread, the driver's variables, and the study's own code."""
    global _prepared_for
    if code != _prepared_for:
        own, variables = code
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        os.environ.update(variables)
        guard_libraries()
        user_code.restore(own)
        _prepared_for = code
