"""Every query of the SQLite store, by name. What changes many rows is one statement for many rows: see `Many`."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from engine.delivery import RECEIPT

SIZES = (64, 32, 16, 8, 4, 2, 1)


class Many:
    """A statement over a list of rows: `head VALUES (?, ?), (?, ?) ... tail`, run in slices of fixed sizes.

    Why not executemany: the driver gives the interpreter lock away for every row, and next to a busy event loop each
    row then waits for it again; measured, one statement for 64 rows is ten times as fast there. `OR FAIL`, since the
    writer rolls back by itself: SQLite then keeps no copies of pages to undo one statement.
    """

    def __init__(self, head: str, width: int, tail: str = "") -> None:
        row = "(" + ", ".join("?" * width) + ")"
        self.width = width
        self.texts = {size: f"{head} VALUES {', '.join([row] * size)} {tail}" for size in SIZES}

    def run(self, connection: sqlite3.Connection, flat: Sequence[object]) -> int:
        """Run over all rows, laid end to end. Returns how many rows of the table changed."""
        width, start, changed = self.width, 0, 0
        left = len(flat) // width
        for size in SIZES:
            while left >= size:
                end = start + size * width
                part = flat if size == left and start == 0 else flat[start:end]
                changed += connection.execute(self.texts[size], part).rowcount
                start, left = end, left - size
        return changed

    def read(self, connection: sqlite3.Connection, flat: Sequence[object]) -> list[tuple[object, ...]]:
        """The rows that a query over all rows finds."""
        width, start = self.width, 0
        found: list[tuple[object, ...]] = []
        for size in SIZES:
            while len(flat) - start >= size * width:
                end = start + size * width
                found += connection.execute(self.texts[size], flat[start:end]).fetchall()
                start = end
        return found


def among(column: str, states: str) -> str:
    """A column is one of a list. Why not IN: SQLite makes a tree of the list each time such a statement is run, and
    with some of them in one statement that takes longer than the rest of it; measured, 170 of 180 µs."""
    return "(" + " OR ".join(f"{column} = {state.strip()}" for state in states.strip("()").split(",")) + ")"


UNFINISHED = "('ready', 'claimed', 'sending', 'parked')"
HELD = "('ready', 'claimed', 'sending', 'parked', 'dead_letter')"
SENDABLE = "('ready', 'claimed', 'sending')"
REFUSED = f"(delivery.state = 'dead_letter' AND delivery.reason GLOB '{RECEIPT}*')"
# A receipt has refused it: what an attempt that was under way comes to is no news any more.

# --- accept and route
ADD_MESSAGE = Many("INSERT OR FAIL INTO message", 23)
ADD_PAYLOAD = Many("INSERT OR FAIL INTO payload (id, codec, file, body)", 4)
ADD_UNROUTED = Many("INSERT OR FAIL INTO unrouted", 1)
ADD_VERDICT = Many("INSERT OR FAIL INTO verdict", 7)
ADD_DELIVERY = Many("INSERT OR FAIL INTO delivery", 25)
DROP_UNROUTED = Many("WITH v (seq) AS (", 1, ") DELETE FROM unrouted WHERE seq IN (SELECT seq FROM v)")

FIRST_MESSAGE = "SELECT id, sha256, answer FROM message WHERE seq = ?"
# One row for all, since each row that is fetched costs the interpreter lock.
PLACES = """
SELECT json_group_array(json_array(
  m.id, m.seq, m.channel,
  coalesce((SELECT max(number) FROM verdict v WHERE v.seq = m.seq), m.state IS NOT NULL),
  coalesce((SELECT max(id) FROM delivery d WHERE d.id BETWEEN m.seq * 1000 AND m.seq * 1000 + 999), m.seq * 1000)))
FROM json_each(?) j CROSS JOIN message m ON m.seq = j.value"""
SETTLE_ANSWER = "UPDATE message SET answer = ? WHERE seq = ?"

# --- names: what is indexed, and what is not yet
INDEXED = "(SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'indexed')"
TAIL = f"SELECT seq, id, identity, expires FROM message WHERE seq > {INDEXED} ORDER BY seq"
LAST_KNOWN = "SELECT coalesce(max(id), '') FROM known"
KNOWN = Many("SELECT k.id, k.seq FROM (", 1, ") v CROSS JOIN known k ON k.id = v.column1")
CLAIMED = Many("SELECT i.identity, i.seq, i.expires FROM (", 1, ") v CROSS JOIN identity i ON i.identity = v.column1")
# In the order of the trees, so that a page is written once and stays filled.
INDEX = (
    f"INSERT INTO known SELECT id, seq FROM message WHERE seq > {INDEXED} ORDER BY id",
    f"""INSERT OR REPLACE INTO identity SELECT identity, seq, expires FROM message
WHERE seq > {INDEXED} AND identity IS NOT NULL ORDER BY identity, seq""",
    f"""INSERT INTO message_by_id SELECT message_id, seq FROM message
WHERE seq > {INDEXED} AND message_id <> '' ORDER BY message_id, seq""",
    "UPDATE meta SET value = (SELECT max(seq) FROM message) WHERE name = 'indexed'",
)
AT = "SELECT seq FROM message WHERE seq = ? AND id = ?"
WITH_ID = f"""
SELECT seq FROM known WHERE id = ?1
UNION ALL SELECT seq FROM message WHERE seq > {INDEXED} AND id = ?1 LIMIT 1"""
WITH_MESSAGE_ID = f"""(SELECT seq FROM message_by_id WHERE message_id = ?
UNION ALL SELECT seq FROM message WHERE seq > {INDEXED} AND message_id = ? AND message_id <> '')"""

# --- receipts
CLAIM = "INSERT OR IGNORE INTO receipt_claim VALUES (?, ?)"
OWE = "INSERT OR IGNORE INTO receipt_owed VALUES (?)"
OWES_NO_MORE = "DELETE FROM receipt_owed WHERE seq = ?"
OWING = f"""
SELECT m.id FROM receipt_owed o JOIN message m ON m.seq = o.seq
WHERE o.seq > coalesce(({WITH_ID}), 0) AND NOT EXISTS (
  SELECT 1 FROM delivery d
  WHERE d.id BETWEEN o.seq * 1000 AND o.seq * 1000 + 999 AND d.required AND {among("d.state", UNFINISHED)})
ORDER BY o.seq LIMIT ?2"""
# As `after_receipt` says, once more inside the transaction: two receipts may have been judged before either was stored.
SETTLE = f"""
UPDATE delivery SET state = ?, due = 0, reason = ?, hint = ?, confirm_by = 0
WHERE id = ? AND state NOT IN ('confirmed', 'superseded', 'handled') AND NOT {REFUSED}"""
UNPAID = "UPDATE delivery SET payload = NULL, keys = '', identities = '' WHERE id = ?"
OVERDUE = """UPDATE delivery SET confirm_by = 0, reason = 'no receipt in time'
WHERE confirm_by BETWEEN 1 AND ? AND state = 'delivered' RETURNING id"""

# --- what becomes of a delivery
RECORD = Many(
    """UPDATE OR FAIL delivery SET attempts = attempts + 1, state = v.state, due = v.due, reason = v.reason,
  hint = v.hint, same_code = CASE WHEN last_code = v.code THEN same_code + 1 ELSE 1 END, last_code = v.code,
  started = v.started, ended = v.ended, detail = v.detail,
  payload = CASE WHEN v.freed THEN NULL ELSE payload END, keys = CASE WHEN v.freed THEN '' ELSE keys END,
  identities = CASE WHEN v.freed THEN '' ELSE identities END
FROM (SELECT column1 AS id, column2 AS state, column3 AS due, column4 AS reason, column5 AS hint, column6 AS code,
        column7 AS started, column8 AS ended, column9 AS detail, column10 AS freed FROM (""",
    10,
    f""")) AS v WHERE delivery.id = v.id AND NOT {REFUSED} AND ({among("delivery.state", HELD)}
  OR (delivery.state = 'delivered' AND {among("v.state", "('delivered', 'confirmed', 'dead_letter')")}))""",
)
ADD_ATTEMPT = """
INSERT INTO attempt SELECT id, attempts, ?, ?, ?, ? FROM delivery WHERE id = ?"""
PAST = Many(
    "WITH v (id) AS (",
    1,
    """) INSERT INTO attempt SELECT d.id, d.attempts, d.started, d.ended, d.last_code, d.detail
FROM v CROSS JOIN delivery d ON d.id = v.id WHERE d.ended IS NOT NULL""",
)
COUNT_ATTEMPT = "UPDATE delivery SET attempts = attempts + 1, started = NULL, ended = NULL, detail = NULL WHERE id = ?"
SENDING = Many(
    "UPDATE delivery SET state = 'sending' FROM (SELECT column1 AS id FROM (",
    1,
    f")) AS v WHERE delivery.id = v.id AND {among('delivery.state', SENDABLE)}",
)
DROP_PAYLOAD = Many(
    "WITH v (id) AS (",
    1,
    ") DELETE FROM payload WHERE id IN (SELECT d.payload FROM v CROSS JOIN delivery d ON d.id = v.id)",
)
FILES_OF = Many(
    "WITH v (id) AS (",
    1,
    """) SELECT p.file FROM v CROSS JOIN delivery d ON d.id = v.id CROSS JOIN payload p ON p.id = d.payload
WHERE p.file IS NOT NULL""",
)
SETTLE_ANSWERS = Many(
    "UPDATE message SET answer = v.answer FROM (SELECT column1 AS delivery, column2 AS answer FROM (",
    2,
    ")) AS v WHERE message.seq = v.delivery / 1000",
)
STANDING = f"SELECT state, payload IS NOT NULL, {REFUSED} FROM delivery WHERE id = ?"
RETRY = (
    "UPDATE delivery SET state = 'ready', due = ?, reason = 'retry', hint = '', last_code = '', same_code = 0, "
    "started = NULL, ended = NULL, detail = NULL WHERE id = ?"
)
HANDLE = (
    "UPDATE delivery SET state = 'handled', due = 0, reason = ?, hint = '', payload = NULL, keys = '', "
    "identities = '' WHERE id = ?"
)
RECOVER = f"""
UPDATE delivery SET reason = CASE state WHEN 'sending' THEN 'ambiguous: restart' ELSE reason END, state = 'ready'
WHERE {among("state", HELD)} AND (state = 'claimed' OR state = 'sending')"""

# --- care and audit
LAST_SEQ = """
SELECT max(coalesce((SELECT max(seq) FROM message), 0),
           coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'seq'), 0)),
       coalesce((SELECT max(id) FROM payload), 0)"""
ADD_REVISION = "INSERT OR IGNORE INTO revision VALUES (?, ?, ?)"
ADD_AUDIT = "INSERT INTO audit (at, actor, action, subject, reason, hash) VALUES (?, ?, ?, ?, ?, ?)"
LAST_AUDIT = "SELECT hash FROM audit ORDER BY id DESC LIMIT 1"
DECISIONS = "SELECT coalesce(max(id), 0) FROM audit"
ALL_AUDIT = "SELECT at, actor, action, subject, reason, hash FROM audit ORDER BY id"
AUDIT_TRAIL = "SELECT at, actor, action, subject, reason FROM audit ORDER BY id DESC LIMIT ?"

# --- dispatch reads
DELIVERY_COLUMNS = """
d.id, m.id, d.seq, d.channel, d.destination, d.system, d.state, d.due, d.attempts, m.received, d.keys, d.identities,
d.reference, d.reason, d.required, d.content_type, d.last_code, d.same_code, d.hint"""
WAITING = f"""
SELECT {DELIVERY_COLUMNS} FROM delivery d CROSS JOIN message m ON m.seq = d.seq
WHERE d.channel = ? AND d.destination = ? AND d.id BETWEEN ? AND ? AND {among("d.state", HELD)}
  AND (d.state <> 'dead_letter' OR d.keys <> '' OR d.identities <> '')
ORDER BY d.id LIMIT ?"""
PAYLOAD = "SELECT p.body, p.file FROM delivery d JOIN payload p ON p.id = d.payload WHERE d.id = ?"
UNROUTED = "SELECT m.id FROM unrouted u JOIN message m ON m.seq = u.seq ORDER BY u.seq LIMIT ?"
FILE_USED = "SELECT 1 FROM payload WHERE file = ? LIMIT 1"

# --- what people read
# The state of a message: what needs a person first, then what is still under way. Only required deliveries keep it
# waiting; `handled` counts for the newest verdict alone, since a replay makes the older ones history.
STATE = f"""
CASE
  WHEN coalesce(v.state, m.state) IS NULL THEN 'received'
  WHEN coalesce(v.state, m.state) NOT IN ('accepted', 'routed') THEN coalesce(v.state, m.state)
  WHEN EXISTS (SELECT 1 FROM delivery d WHERE d.id BETWEEN m.seq * 1000 AND m.seq * 1000 + 999
               AND d.state = 'parked') THEN 'parked'
  WHEN EXISTS (SELECT 1 FROM delivery d WHERE d.id BETWEEN m.seq * 1000 AND m.seq * 1000 + 999
               AND d.state = 'dead_letter') THEN 'dead_letter'
  WHEN EXISTS (SELECT 1 FROM delivery d WHERE d.id BETWEEN m.seq * 1000 AND m.seq * 1000 + 999
               AND d.state IN {UNFINISHED} AND d.required) THEN 'waiting'
  WHEN EXISTS (SELECT 1 FROM delivery d WHERE d.id BETWEEN m.seq * 1000 AND m.seq * 1000 + 999
               AND d.state = 'handled' AND d.required AND d.verdict = coalesce(v.number, 1)) THEN 'handled'
  WHEN EXISTS (SELECT 1 FROM delivery d WHERE d.id BETWEEN m.seq * 1000 AND m.seq * 1000 + 999
               AND d.state = 'confirmed' AND d.required AND d.verdict = coalesce(v.number, 1))
    AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.id BETWEEN m.seq * 1000 AND m.seq * 1000 + 999
               AND d.state = 'delivered' AND d.confirm_by > 0) THEN 'confirmed'
  ELSE 'delivered'
END"""
NEWEST = """
FROM message m LEFT JOIN verdict v
  ON v.seq = m.seq AND v.number = (SELECT max(number) FROM verdict n WHERE n.seq = m.seq)"""
MESSAGE_ROWS = f"""
SELECT m.id, m.seq, m.channel, m.standard, m.received, m.type, m.message_id, m.sender, m.size, {STATE},
  coalesce(nullif(coalesce(v.reason, m.reason), ''), (SELECT d.destination || ': ' || d.reason FROM delivery d
   WHERE d.id BETWEEN m.seq * 1000 AND m.seq * 1000 + 999 AND d.state IN {HELD} AND d.reason <> '' LIMIT 1), ''),
  m.answer,
  (SELECT count(*) FROM delivery d WHERE d.id BETWEEN m.seq * 1000 AND m.seq * 1000 + 999),
  (SELECT count(*) FROM delivery d WHERE d.id BETWEEN m.seq * 1000 AND m.seq * 1000 + 999
   AND d.state IN ('delivered', 'confirmed', 'superseded'))
{NEWEST}"""
COUNTS = f"SELECT {STATE}, count(*) {NEWEST} GROUP BY 1"
IDS_LIKE = f"""
SELECT seq, id FROM known WHERE id >= ?1 AND id < ?2
UNION ALL SELECT seq, id FROM message WHERE seq > {INDEXED} AND id >= ?1 AND id < ?2 ORDER BY id LIMIT 2"""
FACTS = "SELECT envelope, peer, sha256 FROM message WHERE seq = ?"
VERDICTS = """
SELECT revision, state, reason, issues, route FROM (
  SELECT 1 AS number, revision, state, reason, issues, route FROM message WHERE seq = ?1 AND state IS NOT NULL
  UNION ALL SELECT number, revision, state, reason, issues, route FROM verdict WHERE seq = ?1 ORDER BY number)"""
DELIVERIES = f"""
SELECT {DELIVERY_COLUMNS} FROM delivery d CROSS JOIN message m ON m.seq = d.seq
WHERE d.id BETWEEN ? * 1000 AND ? * 1000 + 999 ORDER BY d.id"""
AWAITING = f"""
SELECT {DELIVERY_COLUMNS} FROM message m CROSS JOIN delivery d ON d.id BETWEEN m.seq * 1000 AND m.seq * 1000 + 999
WHERE m.seq IN {WITH_MESSAGE_ID} ORDER BY d.id LIMIT 100"""
ATTEMPTS = """
SELECT delivery, number, started, ended, code, detail FROM attempt
WHERE delivery BETWEEN ?1 * 1000 AND ?1 * 1000 + 999
UNION ALL SELECT id, attempts, started, ended, last_code, detail FROM delivery
WHERE id BETWEEN ?1 * 1000 AND ?1 * 1000 + 999 AND ended IS NOT NULL ORDER BY 4, 1, 2"""
ORIGINAL = "SELECT p.body, p.file FROM message m LEFT JOIN payload p ON p.id = m.payload WHERE m.seq = ?"
