"""Whatever is asked of the journal, a transaction happens whole or not at all, and what it says of itself agrees."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.clock import ManualClock
from engine.standins.journal import Options, Refused
from engine.standins.journal.journal import Journal
from engine.standins.journal.ledger import read_state
from engine.standins.journal.store import Store, Version
from engine.standins.journal.wire import dump, load

IDS = ("a", "b", "c")
_URN = "urn:uuid:0b1c2d3e-0000-4000-8000-00000000000"


def _patient(name: str, gender: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "gender": gender, "identifier": [{"system": "urn:s", "value": name}]}


def _observation(subject: str) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": subject}}


names = st.sampled_from(IDS)
genders = st.sampled_from(["male", "female", "nonsense"])
subjects = st.one_of(names.map(lambda name: f"Patient/{name}"), names.map(lambda name: _URN + str(IDS.index(name))))
conditions = st.one_of(st.just({}), st.just({"ifNoneMatch": "*"}), st.just({"ifMatch": 'W/"1"'}))


@st.composite
def entries(draw: Callable[..., Any]) -> dict[str, Any]:
    name = draw(names)
    full_url = {"fullUrl": _URN + str(IDS.index(name))}
    kind = draw(st.sampled_from(["put", "put", "conditional put", "create", "delete", "observe", "drop", "read"]))
    patient = _patient(name, draw(genders))
    if kind == "put":
        request = {"method": "PUT", "url": f"Patient/{name}", **draw(conditions)}
        return {**full_url, "resource": {**patient, "id": name}, "request": request}
    if kind == "conditional put":
        return {
            **full_url,
            "resource": patient,
            "request": {"method": "PUT", "url": f"Patient?identifier=urn:s|{name}"},
        }
    if kind == "create":
        request = {"method": "POST", "url": "Patient", "ifNoneExist": f"identifier=urn:s|{name}"}
        return {**full_url, "resource": patient, "request": request}
    if kind == "delete":
        return {"request": {"method": "DELETE", "url": f"Patient/{name}"}}
    if kind == "observe":
        observation = {**_observation(draw(subjects)), "id": name}
        return {"resource": observation, "request": {"method": "PUT", "url": f"Observation/{name}"}}
    if kind == "drop":
        return {"request": {"method": "DELETE", "url": f"Observation/{name}"}}
    return {"request": {"method": "GET", "url": f"Patient/{name}"}}


bundles = st.lists(entries(), min_size=1, max_size=4).map(
    lambda made: {"resourceType": "Bundle", "type": "transaction", "entry": made}
)


def _seen(store: Store) -> Any:
    """All that a store holds, its index too, in a shape that can be compared."""
    index = {key: set(store.with_key(key)) for key in store._index}
    return {name: [_said(version) for version in history] for name, history in store.histories.items()}, index


def _said(version: Version) -> Any:
    """A version with its sets in no order."""
    return replace(version, keys=tuple(sorted(map(str, version.keys))), referred=tuple(sorted(version.referred)))


@settings(max_examples=150, deadline=None)
@given(st.lists(bundles, min_size=1, max_size=8))
def test_a_transaction_happens_whole_or_not_at_all(asked: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "journal.jsonl"
        numbers = itertools.count()
        journal = Journal(Options(state=state, clock=ManualClock(), new_id=lambda: f"made{next(numbers)}"))
        for bundle in asked:
            before, commits = _seen(journal.store), len(journal.ledger.commits)
            written = [entry for entry in bundle["entry"] if entry["request"]["method"] != "GET"]
            try:
                answer = json.loads(journal.bundle(load(dump(bundle)), with_resources=False))
            except Refused as refused:
                assert 400 <= refused.status < 500
                assert refused.remarks[0].expression.startswith("Bundle.entry[")
                assert _seen(journal.store) == before
                assert len(journal.ledger.commits) == commits
            else:
                assert len(answer["entry"]) == len(bundle["entry"])
                assert len(journal.ledger.commits) == commits + bool(written)
        _agrees_with_itself(journal, state)
        journal.close()


def _agrees_with_itself(journal: Journal, state: Path) -> None:
    """Index, references and file say the same as the versions."""
    rebuilt = Store()
    rebuilt.add(journal.store.versions())
    assert _seen(rebuilt) == _seen(journal.store), "the index is what the versions make it"
    for history in journal.store.histories.values():
        assert [version.number for version in history] == list(range(1, len(history) + 1))
        for target in history[-1].referred:
            assert journal.store.live(target) is not None, "every reference leads to something"
        for old, new in itertools.pairwise(history):
            assert old.content != new.content or new.deleted, "no version says what the one before it said"
    replayed = Store()
    for _, versions in read_state(state):
        replayed.add(versions)
    assert _seen(replayed) == _seen(journal.store), "the file says the same"
