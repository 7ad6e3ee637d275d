"""What is wrong with how a channel sends receipts, or a system expects them.

Codes: E201 unknown system or policy · E208 a system that takes no receipts · E218 a standard that has none · E219 a
destination that has the name of the receipts · W318 a receipt that may come too late · W319 a failed delivery that is
told twice. HIS 80415: an answer within 96 hours; decision 10.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from engine.channels.channel import Channel, ReceiptPart
from engine.channels.places import Steps
from engine.channels.receipting import DESTINATION
from engine.channels.scalars import did_you_mean
from engine.channels.site import Site
from engine.channels.systems import FileSystem, HttpSystem
from engine.errors import Finding

LONGEST = 96 * 3600.0
"""Seconds after which a sender counts its message as not received."""
_HINT = "the national limit is 96h, and a receipt that comes later does not count: 72h is usual"


def receipt_findings(site: Site, name: str, systems: Collection[str], policies: Collection[str]) -> Iterator[Finding]:
    """Every finding of one channel. `systems` and `policies` are all names that the file declares."""
    channel = site.config.channels[name]
    if channel.ack.receipt is not None:
        yield from _ways_back(site, channel.ack.receipt, ("channels", name, "ack", "receipt"), systems, policies)
        yield from _beside(site, channel, ("channels", name))


def expectation_findings(site: Site) -> Iterator[Finding]:
    """Systems whose receipts are awaited longer than any receiver may take."""
    for name, system in site.config.systems.items():
        if isinstance(system, HttpSystem | FileSystem) and (system.receipt_within or 0.0) > LONGEST:
            place = site.where(("systems", name, "receipt_within"))
            yield Finding("W318", *place, "a receipt is awaited for longer than 96 hours", _HINT, "warning")


def _ways_back(
    site: Site, receipt: ReceiptPart, here: Steps, systems: Collection[str], policies: Collection[str]
) -> Iterator[Finding]:
    way, place = receipt.return_via, site.where((*here, "return_via"))
    system = site.config.systems.get(way)
    if way not in systems:
        yield Finding("E201", *place, f"unknown system '{way}'", did_you_mean(way, systems))
    elif system is not None and not isinstance(system, HttpSystem | FileSystem):
        yield Finding("E208", *place, f"'{way}' takes no receipts", "name a system of type http or file")
    place = site.where((*here, "policy"))
    if receipt.policy not in policies:
        yield Finding("E201", *place, f"unknown policy '{receipt.policy}'", did_you_mean(receipt.policy, policies))
        return
    try:
        tries = site.config.policy(receipt.policy).give_up_after
    except KeyError:  # its block is unsound, and said to be
        return
    if tries >= LONGEST:
        text = f"policy '{receipt.policy}' still tries to send a receipt after {tries / 3600:.0f} hours"
        yield Finding("W318", *place, text, _HINT, "warning")


def _beside(site: Site, channel: Channel, here: Steps) -> Iterator[Finding]:
    if DESTINATION in channel.destinations:
        place = site.where((*here, "destinations", DESTINATION))
        yield Finding("E219", *place, f"'{DESTINATION}' is where receipts stand", "give it another name")
    if channel.ack.after == "delivered":
        place = site.where((*here, "ack", "after"))
        text = "a failed delivery is told by the status and by a receipt"
        hint = "write after: validated, and receipt: {after: delivered}"
        yield Finding("W319", *place, text, hint, "warning")
