"""The demo's senders, each as real ones do it: a connection, a request after the other, a file in a folder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import aiohttp

from engine.cli.demo_told import Told
from engine.transport.mllp_client import MllpClient

PATIENCE = 30.0
"""Seconds that the writer of a file waits to see it taken."""
MOVED = ("behandlet", "avvist")
_TYPES = {".xml": "application/xml", ".hl7": "application/hl7-v2"}

Advance = Callable[[], None]


async def over_mllp(samples: Path, address: str, told: Sequence[Told], advance: Advance) -> None:
    """One message in flight, the next when the answer has come. The answer is MSA-1."""
    host, _, port = address.rpartition(":")
    first: dict[str, bytes] = {}
    async with MllpClient(host, int(port)) as client:
        for each in told:
            answer = await client.send(_content(samples, each))
            each.answer = _code(answer)
            each.same_answer = first.get(each.step.file) == answer
            first.setdefault(each.step.file, answer)
            advance()


async def over_http(samples: Path, address: str, told: Sequence[Told], advance: Advance) -> None:
    """One POST after the other. The answer is the status."""
    first: dict[str, tuple[int, bytes]] = {}
    async with aiohttp.ClientSession() as session:
        for each in told:
            headers = {"Content-Type": _TYPES.get(Path(each.step.file).suffix, "application/xml")}
            async with session.post(f"http://{address}/", data=_content(samples, each), headers=headers) as response:
                answer = response.status, await response.read()
            each.answer = str(answer[0])
            each.same_answer = first.get(each.step.file) == answer
            first.setdefault(each.step.file, answer)
            advance()


async def by_file(samples: Path, folder: str, told: Sequence[Told], advance: Advance) -> None:
    """Each file is written under another name and renamed when it is whole. The answer is the folder it ends in."""
    watched = Path(folder)
    for number, each in enumerate(told, 1):
        name = f"{number:02d}-{Path(each.step.file).name}"
        await asyncio.to_thread(_drop, watched, name, _content(samples, each))
        each.answer = await _moved(watched, name)
        advance()


def _drop(folder: Path, name: str, content: bytes) -> None:
    unfinished = folder / f"{name}.part"
    unfinished.write_bytes(content)
    unfinished.rename(folder / name)


async def _moved(folder: Path, name: str) -> str:
    """The folder that the file was moved to, "" when it was not taken in time."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while asyncio.get_running_loop().time() < deadline:
        for found in MOVED:
            if (folder / found / name).exists():
                return found
        await asyncio.sleep(0.05)
    return ""


def _content(samples: Path, told: Told) -> bytes:
    raw = (samples / told.step.file).read_bytes()
    return told.step.edit(raw) if told.step.edit else raw


def _code(answer: bytes) -> str:
    """MSA-1."""
    for segment in answer.split(b"\r"):
        if segment.startswith(b"MSA"):
            return segment.split(b"|")[1].decode("ascii", "replace")
    return ""
