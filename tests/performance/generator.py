"""A load generator as a process of its own: N connections, one message in flight on each.

`python generator.py PORT CONNECTIONS COUNT ROUND RATE`: prints JSON with answers a second and each answer's seconds.
With a RATE, so many messages a second are sent at even intervals over all connections, and an answer's time counts from
when its message was due; with 0, the next one goes when the last is answered.

Why sockets and epoll by hand: it shares two cores with what it measures, and is to take as little of them as it can.
"""

from __future__ import annotations

import heapq
import json
import select
import socket
import sys
import time

from tests.faults.oracle import Issued, synthetic_number


def framed(message: Issued, identity: str) -> bytes:
    """In its frame, numbered as interfaces number: one after the other over all connections."""
    own = f"|B{message.number:08d}{message.patient:02d}|".encode()
    return b"\x0b" + message.raw(identity).replace(f"|{message.id}|".encode(), own) + b"\x1c\r"


def blast(port: int, connections: int, count: int, round_: int, rate: float) -> dict[str, object]:
    """All connections at once; frames are made before the clock starts."""
    epoll = select.epoll()
    sockets: dict[int, socket.socket] = {}
    frames: dict[int, list[bytes]] = {}
    for connection in range(connections):
        identity = synthetic_number(connection)
        issued = [Issued(connection, round_ * 10_000 + number) for number in range(count)]
        opened = socket.create_connection(("127.0.0.1", port))
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[opened.fileno()] = opened
        frames[opened.fileno()] = [framed(message, identity) for message in reversed(issued)]
        epoll.register(opened.fileno(), select.EPOLLIN)
    waits: list[float] = []
    sent: dict[int, float] = {}
    clock = time.perf_counter
    interval = connections / rate if rate else 0.0
    start = clock()
    later = [(start + at * interval / connections, number) for at, number in enumerate(sockets)]
    left = connections * count
    while left:
        while later and later[0][0] <= clock():
            due, number = heapq.heappop(later)
            sent[number] = due
            sockets[number].send(frames[number].pop())
        if interval:  # epoll waits in whole milliseconds, which is too coarse for an even pace
            select.select([epoll], [], [], max(0.0, later[0][0] - clock()) if later else None)
        for number, _ in epoll.poll(0 if interval else -1):
            answer = sockets[number].recv(65536)
            now = clock()
            waits.append(now - sent[number])
            left -= 1
            assert b"MSA|AA" in answer and answer.endswith(b"\x1c\r"), answer
            if not frames[number]:
                continue
            if interval:
                heapq.heappush(later, (sent[number] + interval, number))
            else:
                sent[number] = now
                sockets[number].send(frames[number].pop())
    return {"rate": connections * count / (clock() - start), "waits": waits}


if __name__ == "__main__":
    port, connections, count, round_ = (int(text) for text in sys.argv[1:5])
    print(json.dumps(blast(port, connections, count, round_, float(sys.argv[5]))))
