"""New deliveries, just committed, handed to the dispatcher without reading them back."""

from __future__ import annotations

from engine.channels.dispatcher import Dispatcher
from engine.delivery import State
from engine.store import Acceptance, Accepted, DeliveryRow


def offer(dispatcher: Dispatcher, acceptance: Acceptance, result: Accepted) -> None:
    """The rows that the store has just made of these deliveries, given to the dispatcher."""
    rows = [
        DeliveryRow(
            id=id,
            message=acceptance.message,
            seq=result.seq,
            channel=acceptance.channel,
            destination=new.destination,
            system=new.system,
            state=State.READY,
            due=new.due,
            attempts=0,
            received=acceptance.received,
            keys=new.keys,
            identities=new.identities,
            reference=new.reference,
            reason="",
            required=new.required,
            content_type=new.content_type,
        )
        for id, new in zip(result.deliveries, acceptance.deliveries, strict=True)
        if id
    ]
    made = zip(result.deliveries, acceptance.deliveries, strict=True)
    dispatcher.offer(rows, [new.payload for id, new in made if id])
