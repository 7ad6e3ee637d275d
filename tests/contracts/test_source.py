"""The contract of every source (engine/sources/__init__.py), over real sockets, in the clear and with TLS.

A new source gets a rig in `RIGS`, and in `LISTENERS` where senders connect to it, and passes this suite.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import engine.sources
from engine.errors import ConfigError, StoreError
from engine.message import Answer, AnswerKind, Issue, Reception
from engine.sources import Acknowledgement, Source
from engine.sources.file import FileSettings, FileSource
from engine.sources.file_ready import ReadyWhen
from engine.sources.http import HttpSettings, HttpSource
from engine.sources.mllp import MllpSettings, MllpSource
from engine.standards.hl7v2.mllp import frame
from engine.transport.listeners import Allowed
from engine.transport.tls import ClientTls, ServerTls, client_context, server_context


class MllpRig:
    """An MLLP listener and its plainest sender."""

    def make(
        self,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        networks: tuple[str, ...] = (),
        subjects: tuple[str, ...] = (),
    ) -> Source:
        allow = tuple(Allowed(networks, subject) for subject in subjects or ("",)) if networks or subjects else ()
        return MllpSource(MllpSettings("127.0.0.1", port, "adt", tls, allow, idle_timeout=5.0, frame_timeout=5.0))

    @asynccontextmanager
    async def sender(self, address: str, tls: ssl.SSLContext | None = None):
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port), ssl=tls)
        try:
            yield MllpSender(reader, writer)
        finally:
            writer.transport.abort()


class MllpSender:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def write(self, message: bytes) -> None:
        self._writer.write(frame(message))

    async def answer(self) -> bytes | None:
        """None when the connection ends instead."""
        try:
            return (await asyncio.wait_for(self._reader.readuntil(b"\x1c\r"), 5))[1:-2]
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            return None

    async def ask(self, message: bytes) -> bytes | None:
        self.write(message)
        return await self.answer()


class HttpRig:
    """An HTTP listener and its plainest sender."""

    def make(
        self,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        networks: tuple[str, ...] = (),
        subjects: tuple[str, ...] = (),
    ) -> Source:
        allow = tuple(Allowed(networks, subject) for subject in subjects or ("",)) if networks or subjects else ()
        return HttpSource(
            HttpSettings("127.0.0.1", port, "adt", "/in", ("text/plain",), None, tls, allow, 5.0, 5.0, 5.0)
        )

    @asynccontextmanager
    async def sender(self, address: str, tls: ssl.SSLContext | None = None):
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port), ssl=tls)
        try:
            yield HttpSender(reader, writer)
        finally:
            writer.transport.abort()


class HttpSender:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def write(self, message: bytes) -> None:
        head = b"POST /in HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
        self._writer.write(head % len(message) + message)

    async def answer(self) -> bytes | None:
        """None when the connection ends instead, or the sender is told to keep its message."""
        try:
            head = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), 5)
            size = int(head.lower().partition(b"content-length: ")[2].split(b"\r")[0])
            body = await asyncio.wait_for(self._reader.readexactly(size), 5)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            return None
        return None if head.startswith(b"HTTP/1.1 503") else body

    async def ask(self, message: bytes) -> bytes | None:
        self.write(message)
        return await self.answer()


class FileRig:
    """A watched folder, and a writer that renames its files when they are whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def make(self) -> Source:
        return FileSource(FileSettings(str(self._folder), "adt", every=0.02, ready=ReadyWhen()))

    @asynccontextmanager
    async def sender(self, address: str):
        yield FileSender(Path(address))


class FileSender:
    def __init__(self, folder: Path) -> None:
        self._folder, self._written, self._read = folder, 0, 0

    def write(self, message: bytes) -> None:
        self._written += 1
        part = self._folder / ".part"
        part.write_bytes(message)
        part.rename(self._folder / f"{self._written:04}.hl7")

    async def answer(self) -> bytes | None:
        """What was put away as accepted; None when it stays."""
        self._read += 1
        accepted = self._folder / "behandlet" / f"{self._read:04}.hl7"
        for _ in range(100):
            await asyncio.sleep(0.01)
            if accepted.exists():
                return b"took " + accepted.read_bytes()
        return None

    async def ask(self, message: bytes) -> bytes | None:
        self.write(message)
        return await self.answer()


LISTENERS = {"mllp": MllpRig, "http": HttpRig}
RIGS = {*LISTENERS, "file"}


@pytest.fixture(params=sorted(RIGS))
def rig(request, tmp_path):
    return FileRig(tmp_path) if request.param == "file" else LISTENERS[request.param]()


@pytest.fixture(params=LISTENERS.values(), ids=LISTENERS.keys())
def listener(request):
    return request.param()


class Intake:
    """Answers when told to."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.receptions: list[Reception] = []
        self.refused: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.came = asyncio.Event()
        self.busy = False
        self.turn = True
        self.error: Exception | None = None

    async def receive(self, raw: bytes, reception: Reception) -> Sequence[Acknowledgement]:
        self.taken.append(raw)
        self.receptions.append(reception)
        self.came.set()
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return (Acknowledgement(Answer(AnswerKind.ACCEPT), b"took " + raw),)

    def take(
        self, raw: bytes, reception: Reception, answered: Callable[[Sequence[Acknowledgement] | None], None]
    ) -> bool:
        """Every other message is answered without a task of the source's."""
        self.turn = not self.turn
        if not self.turn:
            return False

        def done(task: asyncio.Task[Sequence[Acknowledgement]]) -> None:
            answered(None if task.exception() else task.result())

        asyncio.get_running_loop().create_task(self.receive(raw, reception)).add_done_callback(done)
        return True

    def refuse(self, raw: bytes, reception: Reception, code: str) -> bytes:
        self.refused.append(code)
        return b"refused"

    def outcome(self, message: str) -> Answer | None:
        return Answer(AnswerKind.ACCEPT)

    def remarks(self, raw: bytes) -> Sequence[Issue]:
        return ()

    def crowded(self) -> bool:
        return self.busy


@pytest.fixture
async def intake():
    return Intake()


@asynccontextmanager
async def started(source: Source, intake: Intake):
    await source.start(intake)
    try:
        yield source
    finally:
        intake.gate.set()
        await source.stop(1.0)


def test_every_kind_that_ships_has_a_rig():
    folder = Path(engine.sources.__file__).parent
    assert {path.stem for path in folder.glob("*.py") if "_" not in path.stem} == RIGS


async def test_its_address_has_the_real_port(listener, intake):
    async with started(listener.make(), intake) as source:
        host, _, port = source.address.rpartition(":")
        assert host == "127.0.0.1" and 0 < int(port) < 65536


async def test_an_address_that_is_taken_is_found_at_start(listener, intake):
    async with started(listener.make(), intake) as source:
        port = int(source.address.rpartition(":")[2])
        with pytest.raises(ConfigError) as caught:
            await listener.make(port=port).start(intake)
        assert str(port) in caught.value.findings[0].text


async def test_bytes_reach_intake_as_they_were_sent(rig, intake):
    message = bytes(byte for byte in range(256) if byte not in (0x0B, 0x1C))
    async with started(rig.make(), intake) as source, rig.sender(source.address) as sender:
        assert await sender.ask(message) == b"took " + message
        assert intake.taken == [message]


async def test_reception_says_channel_listener_and_peer(listener, intake):
    async with started(listener.make(), intake) as source, listener.sender(source.address) as sender:
        await sender.ask(b"MSH|1")
        reception = intake.receptions[0]
        assert (reception.channel, reception.listener) == ("adt", source.address)
        assert reception.peer.startswith("127.0.0.1") and reception.certificate == ""


async def test_nothing_is_acknowledged_before_intake_has_answered(rig, intake):
    intake.gate.clear()
    async with started(rig.make(), intake) as source, rig.sender(source.address) as sender:
        asking = asyncio.create_task(sender.ask(b"MSH|1"))
        await asyncio.wait_for(intake.came.wait(), 5)
        await asyncio.sleep(0.05)
        assert not asking.done()
        intake.gate.set()
        assert await asking == b"took MSH|1"


async def test_nothing_is_acknowledged_that_could_not_be_stored(rig, intake):
    intake.error = StoreError("disk full")
    async with started(rig.make(), intake) as source, rig.sender(source.address) as sender:
        assert await sender.ask(b"MSH|1") is None


async def test_answers_of_one_connection_come_in_order(rig, intake):
    async with started(rig.make(), intake) as source, rig.sender(source.address) as sender:
        for number in range(20):
            sender.write(b"MSH|%d" % number)
        assert [await sender.answer() for _ in range(20)] == [b"took MSH|%d" % number for number in range(20)]


async def test_connections_go_on_beside_each_other(listener, intake):
    """One sender's message hangs in intake; another sender's is taken meanwhile."""
    intake.gate.clear()
    made = listener.make()
    async with started(made, intake), listener.sender(made.address) as first, listener.sender(made.address) as second:
        first.write(b"MSH|1")
        second.write(b"MSH|2")
        async with asyncio.timeout(5):
            while len(intake.taken) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0)
        intake.gate.set()
        assert [await first.answer(), await second.answer()] == [b"took MSH|1", b"took MSH|2"]


async def test_what_is_taken_is_stored_though_its_sender_has_gone(listener, intake):
    intake.gate.clear()
    async with started(listener.make(), intake) as source:
        async with listener.sender(source.address) as sender:
            sender.write(b"MSH|1")
            await asyncio.wait_for(intake.came.wait(), 5)
        intake.gate.set()
        async with listener.sender(source.address) as sender:
            assert await sender.ask(b"MSH|2") == b"took MSH|2"
        assert intake.taken == [b"MSH|1", b"MSH|2"]


async def test_stop_answers_what_was_taken_and_takes_nothing_more(listener, intake):
    intake.gate.clear()
    async with started(listener.make(), intake) as source, listener.sender(source.address) as sender:
        asking = asyncio.create_task(sender.ask(b"MSH|1"))
        await asyncio.wait_for(intake.came.wait(), 5)
        stopping = asyncio.create_task(source.stop(5.0))
        await asyncio.sleep(0)
        with pytest.raises(OSError):
            async with listener.sender(source.address):
                pass
        intake.gate.set()
        await stopping
        assert await asking == b"took MSH|1"


async def test_stop_may_be_called_twice_and_before_start(rig, intake):
    source = rig.make()
    await source.stop(0.1)
    await source.start(intake)
    await source.stop(0.1)
    await source.stop(0.1)


async def test_who_is_not_allowed_is_not_heard(listener, intake):
    async with (
        started(listener.make(networks=("10.0.0.0/8",)), intake) as source,
        listener.sender(source.address) as sender,
    ):
        assert await sender.ask(b"MSH|1") is None
        assert intake.taken == []


# ---- TLS


@pytest.fixture
def listens(authority):
    pair = authority.issue("engine")
    return server_context(ServerTls(pair.cert, pair.key, authority.file, require_client_cert=True))


def calls(authority, pair=None) -> ssl.SSLContext:
    return client_context(ClientTls(authority.file, pair.cert if pair else "", pair.key if pair else ""))


async def test_a_client_certificate_lets_in_and_is_noted(listener, intake, authority, listens):
    pair = authority.issue("ehr-ward", organization="Hospital")
    made = listener.make(tls=listens)
    async with started(made, intake), listener.sender(made.address, calls(authority, pair)) as sender:
        assert await sender.ask(b"MSH|1") == b"took MSH|1"
    assert intake.receptions[0].certificate == "CN=ehr-ward,O=Hospital,C=NO"


@pytest.mark.parametrize("who", ["nobody", "stranger", "plain"])
async def test_who_shows_no_certificate_that_counts_is_not_heard(listener, intake, authority, stranger, listens, who):
    pair = stranger.issue("ehr-ward") if who == "stranger" else None
    async with started(listener.make(tls=listens), intake) as source:
        try:
            async with listener.sender(source.address, None if who == "plain" else calls(authority, pair)) as sender:
                assert await sender.ask(b"MSH|1") is None
        except (ssl.SSLError, ConnectionError):
            pass
        good = authority.issue("other-ward")
        async with listener.sender(source.address, calls(authority, good)) as sender:
            assert await sender.ask(b"MSH|2") == b"took MSH|2"
    assert intake.taken == [b"MSH|2"]


@pytest.mark.parametrize("subject, heard", [("CN=ehr-ward", True), ("CN=ehr", False), ("CN=ehr-ward,O=X", False)])
async def test_only_the_subject_that_is_wanted_is_heard(listener, intake, authority, listens, subject, heard):
    pair = authority.issue("ehr-ward", organization="Hospital")
    made = listener.make(tls=listens, subjects=("CN=else", subject))
    async with started(made, intake), listener.sender(made.address, calls(authority, pair)) as sender:
        assert (await sender.ask(b"MSH|1") is not None) is heard
    assert bool(intake.taken) is heard


async def test_large_messages_pass_through_tls(listener, intake, authority, listens):
    message = b"MSH|" + b"x" * 5_000_000
    calling = calls(authority, authority.issue("ehr"))
    made = listener.make(tls=listens)
    async with started(made, intake), listener.sender(made.address, calling) as sender:
        sender.write(message)
        async with asyncio.timeout(10):
            await intake.came.wait()
    assert intake.taken == [message]
