"""Which resources are known to exist at a FHIR system, and how the others are asked for.

Ids are HMACs of identities (decision 11), so that a URL with one names nobody.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from engine.transport.http import HttpClient, HttpFailure, HttpResponse

_NO_BATCH = frozenset({400, 405, 422, 501})
_ABSENT = ("404", "410")
_RESPONSE_LIMIT = 4 * 1024 * 1024


class Known:
    """Ids (`Type/id`) known to exist, the least recently used forgotten first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._ids: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, reference: str) -> bool:
        if reference not in self._ids:
            return False
        self._ids.move_to_end(reference)
        return True

    def remember(self, references: Iterable[str]) -> None:
        """These exist."""
        for reference in references:
            self._ids[reference] = None
            self._ids.move_to_end(reference)
        while len(self._ids) > self._most:
            self._ids.popitem(last=False)

    def forget(self, references: Iterable[str]) -> None:
        """Whether these exist is to be asked again."""
        for reference in references:
            self._ids.pop(reference, None)


class Turns:
    """Of deliveries that write the same id, not known to exist yet, one goes after the other."""

    def __init__(self) -> None:
        self._taken: dict[str, asyncio.Future[None]] = {}

    async def take(self, references: Sequence[str], known: Known) -> Sequence[str]:
        """Wait until nobody else is about to create one of `references`. All or nothing, so none wait in a ring.
        What is to be given back: those not known."""
        if self._taken:
            while waiting := {self._taken[each] for each in references if each in self._taken}:
                await asyncio.wait(waiting)
        new = [each for each in references if each not in known]
        if new:
            self._taken.update(dict.fromkeys(new, asyncio.get_running_loop().create_future()))
        return new

    def give_back(self, taken: Sequence[str]) -> None:
        """The next one may go."""
        if taken:
            done = self._taken[taken[0]]
            for each in taken:
                del self._taken[each]
            done.set_result(None)


class Existence:
    """Asks a FHIR system which resources exist: several in one `batch`, one by one where it takes no batch."""

    def __init__(self, client: HttpClient, url: str, headers: Mapping[str, str]) -> None:
        self._client = client
        self._url = url
        self._headers = headers
        self._batches = True

    async def ask(self, references: Sequence[str]) -> frozenset[str] | HttpResponse | HttpFailure:
        """Those of `references` that exist; or the response or failure that left it unknown. Reading changes nothing
        there, so no failure of it is ambiguous."""
        if len(references) > 1 and self._batches:
            found = await self._ask_batch(references)
            if found is not None:
                return found
            self._batches = False
        answers = await asyncio.gather(*(self._ask_one(reference) for reference in references))
        for answer in answers:
            if not isinstance(answer, bool):
                return answer
        return frozenset(reference for reference, there in zip(references, answers, strict=True) if there)

    async def _ask_one(self, reference: str) -> bool | HttpResponse | HttpFailure:
        response = await self._client.request(
            "GET", f"{self._url}/{reference}?_elements=id", self._headers, limit=_RESPONSE_LIMIT
        )
        if isinstance(response, HttpFailure):
            return response
        if response.status in (404, 410):
            return False
        # Where even the answer is too long to be read whole, the resource is there.
        return True if response.status == 200 and (response.cut or _resource(response)) else response

    async def _ask_batch(self, references: Sequence[str]) -> frozenset[str] | HttpResponse | HttpFailure | None:
        """None when the system takes no batch, or answers it with something else than a batch-response."""
        reads = [{"request": {"method": "GET", "url": f"{each}?_elements=id"}} for each in references]
        body = orjson.dumps({"resourceType": "Bundle", "type": "batch", "entry": reads})
        response = await self._client.request("POST", self._url, self._headers, body, limit=_RESPONSE_LIMIT)
        if isinstance(response, HttpFailure):
            return response
        if response.status in _NO_BATCH:
            return None
        if response.status != 200:
            return response
        answers = _resource(response).get("entry")
        if not isinstance(answers, list) or len(answers) != len(references):
            return None
        there = set()
        for reference, answer in zip(references, answers, strict=True):
            status = _status(answer)
            if status == "200":
                there.add(reference)
            elif status not in _ABSENT:
                return None
        return frozenset(there)


def _resource(response: HttpResponse) -> dict[str, Any]:
    try:
        tree = orjson.loads(response.body)
    except ValueError:
        return {}
    return tree if isinstance(tree, dict) and "resourceType" in tree else {}


def _status(answer: object) -> str:
    response = answer.get("response") if isinstance(answer, dict) else None
    return str(response.get("status", ""))[:3] if isinstance(response, dict) else ""
