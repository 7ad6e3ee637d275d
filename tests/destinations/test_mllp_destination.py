"""A receiver over MLLP, against real sockets that misbehave."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace

import pytest

from engine.delivery import Ambiguous, Delivered, Permanent, Transient
from engine.destinations import Shipment
from engine.destinations.mllp import MllpDestination, MllpTarget
from engine.standards.hl7v2.acknowledged import message_id
from engine.standards.hl7v2.mllp import Frame, FrameReader, frame
from engine.transport.tls import ClientTls, ServerTls, client_context, server_context
from tests.certificates import authority, stranger

__all__ = ["authority", "stranger"]


def message(id: str) -> bytes:
    return f"MSH|^~\\&|A|B|C|D|2026||ADT^A08|{id}|P|2.5\rPID|1\r".encode()


def shipment(id: str = "M1", channel: str = "adt") -> Shipment:
    return Shipment(7, f"018f-{id}", channel, message(id), "x-application/hl7-v2+er7", f"ref-{id}", 1, 0)


def ack(code: str, id: bytes, *more: str) -> bytes:
    lines = ["MSH|^~\\&|C|D|A|B|2026||ACK|X|P|2.5", f"MSA|{code}|{id.decode()}", *more]
    return frame("\r".join(lines).encode() + b"\r")


Reply = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


def says(code: str, *more: str) -> Reply:
    async def reply(raw: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(ack(code, message_id(raw), *more))

    return reply


def writes(raw: bytes) -> Reply:
    async def reply(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)

    return reply


async def nothing(raw: bytes, writer: asyncio.StreamWriter) -> None:
    pass


async def closes(raw: bytes, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def resets(raw: bytes, writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@dataclass
class Receiver:
    """Each message takes the next reply of the script, then it is accepted."""

    script: list[Reply] = field(default_factory=list)
    taken: list[bytes] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    in_hand: int = 0
    most: int = 0
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        frames = FrameReader(2**26)
        try:
            while piece := await reader.read(65536):
                for found in frames.feed(piece):
                    assert isinstance(found, Frame)
                    self.taken.append(found.message)
                    self.in_hand += 1
                    self.most = max(self.most, self.in_hand)
                    await (self.script.pop(0) if self.script else says("AA"))(found.message, writer)
                    self.in_hand -= 1
        except ConnectionError:
            pass
        finally:
            writer.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()
    for writer in made.writers:
        writer.transport.abort()


@pytest.fixture
async def destination(receiver) -> AsyncIterator[MllpDestination]:
    made = MllpDestination(MllpTarget("127.0.0.1", receiver.port, response_timeout=0.3))
    await made.start()
    yield made
    await made.stop()


CLASSES = [
    pytest.param(says("AA"), Delivered("AA"), id="AA"),
    pytest.param(says("CA"), Delivered("CA"), id="CA"),
    pytest.param(says("AE", "ERR||PID^1^3|101|E"), Transient("hl7.AE", "101 PID-3", tries=3), id="AE"),
    pytest.param(says("CE"), Transient("hl7.CE", tries=3), id="CE"),
    pytest.param(nothing, Ambiguous("mllp.timeout"), id="no answer"),
    pytest.param(closes, Ambiguous("mllp.reset"), id="closed instead"),
    pytest.param(resets, Ambiguous("mllp.reset"), id="reset instead"),
    pytest.param(writes(ack("AA", b"M1")[:20]), Ambiguous("mllp.timeout"), id="half an answer"),
    pytest.param(writes(ack("AA", b"M0")), Ambiguous("hl7.wrong_id", "the answer is to another message"), id="other"),
    pytest.param(
        writes(ack("AA", b"")), Ambiguous("hl7.wrong_id", "the answer is to another message"), id="to no message"
    ),
    pytest.param(writes(frame(b"OK")), Ambiguous("hl7.no_ack", "the answer is no acknowledgement"), id="no ACK"),
    pytest.param(writes(b"HTTP/1.1 400 Bad\r\n"), Ambiguous("mllp.timeout"), id="not MLLP"),
    pytest.param(writes(b"\x0b" + b"x" * 2_000_000), Ambiguous("mllp.too_long"), id="endless answer"),
]


@pytest.mark.parametrize("reply, outcome", CLASSES)
async def test_an_answer_has_its_class_and_the_next_message_goes_through(receiver, destination, reply, outcome):
    receiver.script = [reply]
    assert await destination.deliver(shipment()) == outcome
    assert await destination.deliver(shipment("M2")) == Delivered("AA")
    assert receiver.taken == [message("M1"), message("M2")]
    assert len(receiver.writers) == (2 if isinstance(outcome, Ambiguous) else 1)  # closed on any doubt, else kept


@pytest.mark.parametrize("code", ["AR", "CR"])
async def test_a_reject_is_final(receiver, destination, code):
    receiver.script = [says(code)]
    got = await destination.deliver(shipment())
    assert isinstance(got, Permanent) and got.code == f"hl7.{code}" and not got.park and got.hint


async def test_one_connection_carries_many_messages_one_after_the_other(receiver, destination):
    outcomes = await asyncio.gather(*(destination.deliver(shipment(f"M{n}")) for n in range(50)))
    assert set(outcomes) == {Delivered("AA")}
    assert (len(receiver.writers), receiver.most) == (1, 1)
    assert receiver.taken == [message(f"M{n}") for n in range(50)]


async def test_channels_do_not_wait_for_each_other(receiver, destination):
    receiver.script = [nothing]
    slow = asyncio.create_task(destination.deliver(shipment("M1", "slow")))
    while not receiver.taken:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert await destination.deliver(shipment("M2", "other")) == Delivered("AA")
    assert not slow.done()
    assert await slow == Ambiguous("mllp.timeout")


async def test_an_answer_that_comes_late_or_twice_is_credited_to_no_other_message(receiver, destination):
    async def late(raw, writer):
        await asyncio.sleep(0.4)
        writer.write(ack("AR", message_id(raw)))

    async def twice(raw, writer):
        writer.write(ack("AA", message_id(raw)) + ack("AR", b"M3"))

    receiver.script = [late, twice]
    assert await destination.deliver(shipment("M1")) == Ambiguous("mllp.timeout")
    assert await destination.deliver(shipment("M2")) == Delivered("AA")
    await asyncio.sleep(0.2)
    assert await destination.deliver(shipment("M3")) == Delivered("AA")
    assert len(receiver.writers) == 3  # after the late one and after the one that nobody had asked for


async def test_an_application_acknowledgement_after_the_commit_is_passed_over(receiver, destination):
    async def both(raw, writer):
        writer.write(ack("CA", message_id(raw)))
        await asyncio.sleep(0.05)
        writer.write(ack("AA", message_id(raw)))

    async def after_the_next(raw, writer):
        writer.write(ack("AE", b"M2") + ack("CA", b"M3"))

    receiver.script = [both, says("CA"), after_the_next]
    assert await destination.deliver(shipment("M1")) == Delivered("CA")
    await asyncio.sleep(0.1)
    assert await destination.deliver(shipment("M2")) == Delivered("CA")
    assert await destination.deliver(shipment("M3")) == Delivered("CA")
    assert len(receiver.writers) == 1


async def test_a_receiver_that_closes_an_idle_connection_costs_nothing(receiver, destination):
    for number in range(3):
        assert await destination.deliver(shipment(f"M{number}")) == Delivered("AA")
        receiver.writers[-1].close()
        await asyncio.sleep(0.05)
    assert len(receiver.writers) == 3


@pytest.mark.parametrize("byte", [b"\x0b", b"\x1c"])
async def test_a_message_that_would_break_the_frame_never_leaves(receiver, destination, byte):
    odd = replace(shipment(), payload=message("M1") + b"NTE|" + byte + b"\r")
    got = await destination.deliver(odd)
    assert isinstance(got, Permanent) and got.code == "mllp.block_bytes"
    assert receiver.writers == []


async def test_what_cannot_be_reached_is_transient(receiver):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        closed = sock.getsockname()[1]
    for host, port, code in (("127.0.0.1", closed, "mllp.refused"), ("receiver.invalid", 2575, "mllp.dns")):
        destination = MllpDestination(MllpTarget(host, port))
        assert await destination.deliver(shipment()) == Transient(code)
        await destination.stop()


async def test_stop_in_the_middle_leaves_it_open_what_happened(receiver, destination):
    receiver.script = [nothing]
    sending = asyncio.create_task(destination.deliver(shipment()))
    while not receiver.taken:  # noqa: ASYNC110
        await asyncio.sleep(0)
    await destination.stop()
    assert await sending == Ambiguous("mllp.reset")


def test_a_repeat_is_harmless_only_where_the_config_says_so():
    assert not MllpDestination(MllpTarget("h", 1)).idempotent
    assert MllpDestination(MllpTarget("h", 1, idempotent=True)).idempotent


async def test_large_messages_arrive_whole(receiver, destination):
    large = replace(shipment(), payload=message("M1") + b"NTE|1||" + b"x" * 10_000_000 + b"\r")
    slow = MllpDestination(MllpTarget("127.0.0.1", receiver.port))
    assert await slow.deliver(large) == Delivered("AA")
    assert receiver.taken == [large.payload]
    await slow.stop()


async def test_tls_with_our_certificate_delivers_and_a_stranger_gets_nothing(authority, stranger):
    pair, own = authority.issue("receiver"), authority.issue("engine")
    receiver = Receiver()
    tls = server_context(ServerTls(pair.cert, pair.key, authority.file, require_client_cert=True))
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]

    async def deliver(client: ClientTls):
        destination = MllpDestination(MllpTarget("127.0.0.1", port, client_context(client)))
        try:
            return await destination.deliver(shipment())
        finally:
            await destination.stop()

    assert await deliver(ClientTls(authority.file, own.cert, own.key)) == Delivered("AA")
    assert await deliver(ClientTls(stranger.file)) == Transient("mllp.certificate", system_fault=True)
    refused = await deliver(ClientTls(authority.file))
    assert refused in (Transient("mllp.certificate", system_fault=True), Ambiguous("mllp.reset"))
    assert receiver.taken == [message("M1")]
    server.close()
