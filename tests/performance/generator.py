"""A load generator as a process of its own: N connections, one message in flight on each.

`python generator.py PORT CONNECTIONS COUNT ROUND PAUSE`: prints JSON with answers a second and each answer's seconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import uvloop

from tests.faults.oracle import Issued, synthetic_number


class Sender(asyncio.Protocol):
    """One record system: the next message goes when the answer to the last has come."""

    def __init__(self, frames: list[bytes], pause: float, done: asyncio.Future[None], waits: list[float]) -> None:
        self.frames, self.pause, self.done, self.waits = frames, pause, done, waits
        self.next = 0
        self.sent = 0.0
        self.held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._send()

    def _send(self) -> None:
        self.sent = time.perf_counter()
        self.transport.write(self.frames[self.next])  # type: ignore[attr-defined]
        self.next += 1

    def data_received(self, data: bytes) -> None:
        self.held += data
        if not self.held.endswith(b"\x1c\r"):
            return
        self.waits.append(time.perf_counter() - self.sent)
        assert b"MSA|AA" in self.held, self.held
        self.held = b""
        if self.next == len(self.frames):
            self.transport.close()
            self.done.set_result(None)
        elif self.pause:
            asyncio.get_running_loop().call_later(self.pause, self._send)
        else:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError("the engine closed the connection"))


async def blast(port: int, connections: int, count: int, round_: int, pause: float) -> dict[str, object]:
    """All connections at once; frames are made before the clock starts."""
    loop = asyncio.get_running_loop()
    waits: list[float] = []
    prepared = []
    for connection in range(connections):
        identity = synthetic_number(connection)
        issued = [Issued(connection, round_ * 10_000 + number) for number in range(count)]
        prepared.append([b"\x0b" + message.raw(identity) + b"\x1c\r" for message in issued])
    start = time.perf_counter()
    done = []
    for frames in prepared:
        future = loop.create_future()
        done.append(future)
        await loop.create_connection(lambda f=frames, d=future: Sender(f, pause, d, waits), "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*done)
    return {"rate": connections * count / (time.perf_counter() - start), "waits": waits}


if __name__ == "__main__":
    port, connections, count, round_ = (int(text) for text in sys.argv[1:5])
    print(json.dumps(uvloop.run(blast(port, connections, count, round_, float(sys.argv[5])))))
