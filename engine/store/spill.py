"""Large payloads on their way to files, in a thread of their own, so that the writer never waits for them.

A write whose bytes go to files reaches the writer only when they are durable. Files are removed here too, when no row
points at them: one thread for both, so that a file is never removed between its being found and its row being written.
"""

from __future__ import annotations

import errno
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from queue import SimpleQueue

from engine import log
from engine.errors import StoreError
from engine.store.files import PayloadFiles


class Spill:
    """The thread; it starts with its first file. `used` says whether a row points at a name."""

    def __init__(
        self, files: PayloadFiles, used: Callable[[str], bool], distrust: Callable[[OSError], StoreError]
    ) -> None:
        self._files = files
        self._used = used
        self._distrust = distrust
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._held: Counter[str] = Counter()
        self._thread: threading.Thread | None = None
        self._gate = threading.Lock()
        self._ended = False
        self._busy = 0

    def waiting(self) -> int:
        """Writes whose files are not durable yet."""
        return self._busy

    def write(
        self, contents: Sequence[tuple[bytes, bytes]], then: Callable[[], None], failed: Callable[[StoreError], None]
    ) -> None:
        """Make (SHA-256, bytes) durable as files and hold them; then call `then`, or `failed`."""
        with self._gate:
            self._busy += 1
        if not self._put(lambda: self._write(contents, then, failed)):
            self._less_busy()
            failed(StoreError("the store is closed", code="store.closed"))

    def drop(self, names: Sequence[str], held: bool) -> None:
        """Let go of names, held by a write or freed by a row; what nobody uses is removed."""
        self._put(lambda: self._drop(names, held))

    def drain(self) -> None:
        """Wait until what was put before is done."""
        done = threading.Event()
        if self._thread is not None and self._put(done.set):
            done.wait()

    def close(self) -> None:
        """Finish what waits, then end; what is put later is not done. Idempotent."""
        with self._gate:
            if self._thread is not None and not self._ended:
                self._jobs.put(None)
            self._ended = True
        if self._thread is not None:
            self._thread.join()

    def _put(self, job: Callable[[], None]) -> bool:
        """Queue a job, unless the thread has been told to end."""
        with self._gate:
            if self._ended:
                return False
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="store-files", daemon=True)
                self._thread.start()
            self._jobs.put(job)
            return True

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _write(
        self, contents: Sequence[tuple[bytes, bytes]], then: Callable[[], None], failed: Callable[[StoreError], None]
    ) -> None:
        try:
            for sha256, content in contents:
                self._held[self._files.name(sha256)] += 1
                self._files.write(sha256, content)
        except OSError as error:
            failed(self._failure(error))
        else:
            then()
        finally:
            self._less_busy()

    def _less_busy(self) -> None:
        with self._gate:
            self._busy -= 1

    def _failure(self, error: OSError) -> StoreError:
        if error.errno == errno.EIO:
            return self._distrust(error)
        log.error("store.file", reason_code=errno.errorcode.get(error.errno or 0, "OSError"))
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return StoreError("the disk is full; nothing was stored", code="store.full")
        return StoreError(f"a payload file cannot be written ({error.strerror})", code="store.file")

    def _drop(self, names: Sequence[str], held: bool) -> None:
        for name in names:
            if held:
                self._held[name] -= 1
            if self._held[name] <= 0:
                del self._held[name]
                try:
                    if not self._used(name):
                        self._files.remove(name)
                except (OSError, StoreError):
                    # It takes room and does no other harm.
                    log.warning("store.file_left")
