"""What a FHIR server's response means for a delivery: the class table for HTTP, as one pure function.

Of an OperationOutcome only issue codes and element paths are kept; diagnostics and texts may quote the message.
Why: decision 18, and RELIABILITY section 2. FHIR R4, 3.1.0.11 (transaction responses), 2.36 (OperationOutcome).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

from engine.delivery import Ambiguous, Delivered, Outcome, Permanent
from engine.transport.http import HttpResponse
from engine.transport.http_outcome import outcome_of_status

_SEVERAL = "several resources there carry this identifier: have them merged there, then retry"
_RIGHTS = {401: "credentials are not taken", 403: "no right to write", 404: "no FHIR service at this address"}
_CODES = re.compile(  # FHIR R4, value set issue-type
    "invalid|structure|required|value|invariant|security|login|unknown|expired|forbidden|suppressed|"
    "processing|not-supported|duplicate|multiple-matches|not-found|deleted|too-long|code-invalid|"
    "extension|too-costly|business-rule|conflict|transient|lock-error|no-store|exception|timeout|"
    "incomplete|throttled|informational"
)
_PATH = re.compile(r"[A-Za-z][A-Za-z0-9]{0,40}(?:\[\d{1,4}\])?(?:\.[A-Za-z][A-Za-z0-9]{0,40}(?:\[\d{1,4}\])?){0,12}")
_SAYS_SEVERAL = re.compile(
    r"(?i)\b(?:multiple|several|more than one)\b.{0,60}?match|match.{0,60}?\b(?:multiple|several|more than one)\b"
    r"|\b(?:[2-9]|[1-9]\d{1,5}) (?:matches|resources)\b"
)
_FIRST_VERSION = 'W/"1"'
"""The version of what is new, on servers that count: one that was there before and still has it was not changed."""


@dataclass(frozen=True, slots=True)
class Issues:
    """What an OperationOutcome says, without content: `codes`, and as text `invalid Patient.birthDate`."""

    codes: tuple[str, ...] = ()
    text: str = ""
    several: bool = False


def outcome_of(response: HttpResponse, methods: tuple[str, ...], now: int) -> Outcome:
    """The outcome that a whole response stands for.

    `methods` are the request methods of the entries sent, in order (only for the counts in the detail); `now` is wall
    time in micros, for a Retry-After that names a date.
    """
    status = response.status
    if 200 <= status < 300:
        return _success(response, methods)
    issues = issues_of(_tree(response))
    outcome = outcome_of_status(response, now, issues.text, _RIGHTS.get(status, ""))
    stated = isinstance(outcome, Permanent) and status >= 400 and "multiple-matches" in issues.codes
    if stated or (issues.several and status in (409, 412)):
        return Permanent(f"http.{status}", issues.text, park=True, hint=_SEVERAL)
    return outcome


def issues_of(tree: dict[str, Any]) -> Issues:
    """Codes and paths of an OperationOutcome; empty for anything else."""
    if tree.get("resourceType") != "OperationOutcome":
        return Issues()
    codes: list[str] = []
    texts: list[str] = []
    several = False
    for issue in _dicts(tree.get("issue"))[:20]:
        code = issue.get("code")
        word = code if isinstance(code, str) and _CODES.fullmatch(code) else "unknown"
        codes.append(word)
        several = several or word == "multiple-matches" or _says_several(issue)
        texts.append(f"{word} {_place(issue)}".strip())
    return Issues(tuple(codes), "; ".join(dict.fromkeys(texts[:3])), several)


def is_fhir(tree: dict[str, Any]) -> bool:
    """Whether a response body is a FHIR resource at all, and not a page of something in between."""
    return isinstance(tree.get("resourceType"), str)


def _success(response: HttpResponse, methods: tuple[str, ...]) -> Outcome:
    if response.cut:
        return Ambiguous("http.too_long", "the response was longer than we read")
    tree = _tree(response)
    if not is_fhir(tree):
        return Ambiguous("http.not_fhir", f"status {response.status}")
    if tree.get("resourceType") != "Bundle" or tree.get("type") not in ("transaction-response", "batch-response"):
        return Ambiguous("http.no_transaction", f"status {response.status}")
    entries = [_dict(entry.get("response")) for entry in _dicts(tree.get("entry"))]
    counts = {"created": 0, "updated": 0, "unchanged": 0}
    for at, entry in enumerate(entries):
        status = str(entry.get("status", ""))[:3]
        if not status.isdigit() or status[0] not in "23":
            return Ambiguous(
                "http.entry", f"an entry was answered {status if status.isdigit() else 'without a status'}"
            )
        method = methods[at] if len(methods) == len(entries) else ""
        counts[_effect(status, method, entry)] += 1
    told = " ".join(f"{name}={count}" for name, count in counts.items() if count)
    return Delivered(f"{response.status} {told}".strip())


def _effect(status: str, method: str, entry: dict[str, Any]) -> str:
    if status == "201":
        return "created"
    if status == "304" or (method == "POST" and status == "200") or entry.get("etag") == _FIRST_VERSION:
        return "unchanged"
    return "unchanged" if _no_change(entry) else "updated"


def _no_change(entry: dict[str, Any]) -> bool:
    """HAPI FHIR says so with a code of its own in the entry's outcome."""
    for issue in _dicts(_dict(entry.get("outcome")).get("issue")):
        for coding in _dicts(_dict(issue.get("details")).get("coding")):
            if str(coding.get("code", "")).endswith("NO_CHANGE"):
                return True
    return False


def _says_several(issue: dict[str, Any]) -> bool:
    words = (issue.get("diagnostics"), _dict(issue.get("details")).get("text"))
    return any(isinstance(text, str) and _SAYS_SEVERAL.search(text[:2000]) for text in words)


def _place(issue: dict[str, Any]) -> str:
    for name in ("expression", "location"):
        paths = issue.get(name)
        if isinstance(paths, list) and paths and isinstance(paths[0], str):
            found = _PATH.match(paths[0][:400])  # cut before the first bracket of a function: it may hold a value
            return found.group() if found else ""
    return ""


def _tree(response: HttpResponse) -> dict[str, Any]:
    try:
        return _dict(orjson.loads(response.body))
    except ValueError:
        return {}


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
