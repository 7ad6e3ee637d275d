"""A receiver of HL7 v2 over MLLP: each channel that sends to it has one kept connection, one message in flight on it.

The answer must be an acknowledgement (MSA-1) of the message that was sent (MSA-2 = its MSH-10); then it is delivered,
refused or wrong by its code. No answer in time, a connection that ends, an answer to something else: it may or may not
have arrived (ambiguous), and the connection is closed, so that a late answer meets nobody. A commit acknowledgement
(CA) delivers; an application acknowledgement that follows it is passed over.
HL7 Transport Specification MLLP, release 1; HL7 v2.5.1, 2.9.2 and 2.9.3; decision 18.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

from engine.delivery import Ambiguous, Delivered, Outcome, Permanent, Transient
from engine.destinations import Shipment
from engine.destinations.mllp_line import Line, connect
from engine.standards.hl7v2.acknowledged import message_id
from engine.standards.hl7v2.mllp import FS, VT
from engine.transport.hl7_outcome import outcome_of_acknowledgement
from engine.transport.http_response import HttpFailure


@dataclass(frozen=True, slots=True)
class MllpTarget:
    """Where a receiver listens. Times in seconds. `idempotent`: it knows a repeat by MSH-10, so that sending twice is
    harmless."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    idempotent: bool = False
    connect_timeout: float = 5.0
    response_timeout: float = 30.0


class MllpDestination:
    """One receiver."""

    def __init__(self, target: MllpTarget) -> None:
        self._target = target
        self._lines: dict[str, Line] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    @property
    def idempotent(self) -> bool:
        """Only where the config says so."""
        return self._target.idempotent

    async def start(self) -> None:
        """Nothing is connected before there is something to send."""

    async def stop(self) -> None:
        """Close connections."""
        for line in self._lines.values():
            line.close()
        self._lines.clear()
        await asyncio.sleep(0)  # for the loop to close them

    async def deliver(self, shipment: Shipment) -> Outcome:
        """One message and its acknowledgement. Waits for its turn on the channel's connection."""
        if FS in shipment.payload or VT in shipment.payload:
            hint = "the message holds a byte that MLLP uses as a border: its sender must mend it"
            return Permanent("mllp.block_bytes", hint=hint)
        async with self._turns.setdefault(shipment.channel, asyncio.Lock()):
            line = self._lines.get(shipment.channel)
            if line is None or not line.open:
                target = self._target
                made = await connect(target.host, target.port, target.tls, target.connect_timeout)
                if isinstance(made, HttpFailure):
                    return _failed(made)
                line = self._lines[shipment.channel] = made
            return await self._ask(line, shipment.payload)

    async def _ask(self, line: Line, message: bytes) -> Outcome:
        answer = await line.ask(message, self._target.response_timeout)
        if isinstance(answer, HttpFailure):
            return _failed(answer)
        outcome = outcome_of_acknowledgement(answer, message)
        if isinstance(outcome, Ambiguous):
            line.close()
        elif isinstance(outcome, Delivered) and outcome.detail == "CA":
            line.committed = message_id(message)
        return outcome


def _failed(failure: HttpFailure) -> Outcome:
    """A connection's failure in this wire's words; whether bytes may have arrived decides."""
    code = "mllp." + failure.code.removeprefix("http.")
    return Ambiguous(code) if failure.sent else Transient(code, system_fault=failure.fault)
