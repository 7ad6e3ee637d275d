"""The tables on SQLite, and how a file is opened and brought forward (decision 6).

Lists of states are written out: SQLite makes a tree of each `IN` whenever a row is checked (see `among`).
`MIGRATIONS[n]` makes schema n+1 of schema n; a script that has been released is never changed. Foreign keys are
declared but not enforced row by row (a tenth of the rate); the tests check them over whole stores.

Why not all tables of decision 6: each tree that a commit touches is a page to write and to sync. So the first verdict
and the newest attempt stand in the rows they are about, the ordering keys in `delivery` instead of `delivery_key`, and
names are indexed many at a time (`sqlite_tail`).
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from engine.errors import StoreError

FIRST = """
-- What was received, and its first verdict where it was judged before it was stored: one row, so that one commit
-- writes few pages. Never changed, but for `answer`, which is settled later where the sender waits for the delivery.
-- `envelope` is a JSON array in the order of the Envelope's fields; type, message_id and sender are repeated for lists.
CREATE TABLE message (
  seq         INTEGER PRIMARY KEY,          -- grows in commit order; deliveries are seq * 1000 + 1, 2, ...
  payload     INTEGER REFERENCES payload,   -- the bytes received; NULL when retention took them
  id          TEXT NOT NULL,                -- UUIDv7, unique: see `known`
  channel     TEXT NOT NULL,
  standard    TEXT NOT NULL,
  received    INTEGER NOT NULL,             -- micros since 1970 UTC, as every time here
  peer        TEXT NOT NULL,
  certificate TEXT NOT NULL,
  sha256      BLOB NOT NULL,
  size        INTEGER NOT NULL,
  type        TEXT NOT NULL,
  message_id  TEXT NOT NULL,
  sender      TEXT NOT NULL,
  envelope    BLOB,
  answer      BLOB NOT NULL,
  replay_of   TEXT NOT NULL,
  identity    BLOB,                         -- keyed hash of (channel, sender, message id), claimed by it
  expires     INTEGER NOT NULL,             -- of the claim; 0: never
  revision    TEXT,                         -- the verdict, as in `verdict`; NULL where all of them stand there
  state       TEXT CHECK (state = 'accepted' OR state = 'routed' OR state = 'filtered' OR state = 'invalid'
                          OR state = 'quarantined'),
  reason      TEXT,
  issues      BLOB,
  route       TEXT
);

-- The names of messages, for finding them: `known` by id, `identity` by claim (the newest counts), `message_by_id` by
-- the sender's id. They hold what has a seq up to meta `indexed`; the writer has the rest in memory, and readers scan
-- it. Why late: their keys land on any page, so a commit of its own writes three pages for one message, and a thousand
-- at once share them.
CREATE TABLE known (id TEXT PRIMARY KEY, seq INTEGER NOT NULL REFERENCES message) WITHOUT ROWID;
CREATE TABLE identity (
  identity BLOB PRIMARY KEY,
  seq      INTEGER NOT NULL REFERENCES message,
  expires  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE message_by_id (
  message_id TEXT NOT NULL,
  seq        INTEGER NOT NULL REFERENCES message,
  PRIMARY KEY (message_id, seq)
) WITHOUT ROWID;
INSERT INTO meta VALUES ('indexed', '0');

-- Stored before it was judged: the router's list. A row goes with the first verdict.
CREATE TABLE unrouted (seq INTEGER PRIMARY KEY REFERENCES message);

-- What was judged after it was stored; the highest number counts. `issues` is a JSON array of arrays.
CREATE TABLE verdict (
  seq      INTEGER NOT NULL REFERENCES message,
  number   INTEGER NOT NULL,                -- from 2 where the message's own row holds the first
  revision TEXT NOT NULL,
  state    TEXT NOT NULL CHECK (state = 'accepted' OR state = 'routed' OR state = 'filtered' OR state = 'invalid'
                                OR state = 'quarantined'),
  reason   TEXT NOT NULL,
  issues   BLOB,
  route    TEXT NOT NULL,
  PRIMARY KEY (seq, number)
) WITHOUT ROWID;

-- Bytes: received ones, and mapped ones while undelivered. `codec` 0 is plain; `file` names a file beside the store.
CREATE TABLE payload (
  id    INTEGER PRIMARY KEY,
  codec INTEGER NOT NULL,
  key   TEXT,                               -- id of the key it is encrypted with
  file  TEXT,
  body  BLOB
);
CREATE INDEX payload_file ON payload (file) WHERE file IS NOT NULL;

-- The duty to hand one message to one destination: small, because it is what changes. `keys` may not be overtaken,
-- `identities` not be in flight twice: numbers with commas, gone at a final state, but for a dead letter, which holds
-- its keys. The newest try stands here; it moves to `attempt` when there is another.
CREATE TABLE delivery (
  id           INTEGER PRIMARY KEY,         -- seq * 1000 + number
  seq          INTEGER NOT NULL REFERENCES message,
  verdict      INTEGER NOT NULL,
  channel      TEXT NOT NULL,
  destination  TEXT NOT NULL,
  system       TEXT NOT NULL,
  state        TEXT NOT NULL CHECK (state = 'ready' OR state = 'claimed' OR state = 'sending' OR state = 'delivered'
                                    OR state = 'confirmed' OR state = 'parked' OR state = 'dead_letter'
                                    OR state = 'superseded' OR state = 'handled'),
  due          INTEGER NOT NULL,
  attempts     INTEGER NOT NULL,
  last_code    TEXT NOT NULL,
  same_code    INTEGER NOT NULL,
  reason       TEXT NOT NULL,
  hint         TEXT NOT NULL,
  reference    TEXT NOT NULL,
  required     INTEGER NOT NULL,
  content_type TEXT NOT NULL,
  sha256       BLOB NOT NULL,
  size         INTEGER NOT NULL,
  confirm_by   INTEGER NOT NULL,            -- when a receipt is to have come; 0: none is expected, or it was missed
  payload      INTEGER REFERENCES payload,  -- NULL when the mapped bytes are gone
  keys         TEXT NOT NULL,
  identities   TEXT NOT NULL,
  started      INTEGER,                     -- of the newest try, numbered `attempts`; NULL where it stands in `attempt`
  ended        INTEGER,
  detail       TEXT
);
CREATE INDEX delivery_unconfirmed ON delivery (confirm_by) WHERE confirm_by > 0 AND state = 'delivered';
CREATE INDEX delivery_lane ON delivery (channel, destination, id)
  WHERE state = 'ready' OR state = 'claimed' OR state = 'sending' OR state = 'parked' OR state = 'dead_letter';
CREATE UNIQUE INDEX delivery_reference ON delivery (system, reference) WHERE reference <> '';

-- Receipts: each claim is made once for good; messages that owe one when their deliveries are final.
CREATE TABLE receipt_claim (claim BLOB PRIMARY KEY, seq INTEGER NOT NULL REFERENCES message) WITHOUT ROWID;
CREATE TABLE receipt_owed (seq INTEGER PRIMARY KEY REFERENCES message);

-- Tries before the newest.
CREATE TABLE attempt (
  delivery INTEGER NOT NULL REFERENCES delivery,
  number   INTEGER NOT NULL,
  started  INTEGER NOT NULL,
  ended    INTEGER NOT NULL,
  code     TEXT NOT NULL,
  detail   TEXT NOT NULL,
  PRIMARY KEY (delivery, number)
) WITHOUT ROWID;

-- Searchable fields, as keyed hashes.
CREATE TABLE field (
  name TEXT NOT NULL,
  hash BLOB NOT NULL,
  seq  INTEGER NOT NULL REFERENCES message,
  PRIMARY KEY (name, hash, seq)
) WITHOUT ROWID;

-- The newest source time delivered of one business identity at one destination (decision 11).
CREATE TABLE guard (
  destination TEXT NOT NULL,
  identity    BLOB NOT NULL,
  kind        TEXT NOT NULL,
  source_time INTEGER NOT NULL,
  delivery    INTEGER NOT NULL,
  PRIMARY KEY (destination, identity, kind)
) WITHOUT ROWID;

CREATE TABLE revision (
  revision    TEXT PRIMARY KEY,
  description TEXT NOT NULL,
  first_used  INTEGER NOT NULL
) WITHOUT ROWID;

-- Who did what, and why. Each row's hash covers the row and the hash before it.
CREATE TABLE audit (
  id      INTEGER PRIMARY KEY,
  at      INTEGER NOT NULL,
  actor   TEXT NOT NULL,
  action  TEXT NOT NULL,
  subject TEXT NOT NULL,
  reason  TEXT NOT NULL,
  hash    BLOB NOT NULL
);
CREATE TRIGGER audit_keeps_rows BEFORE UPDATE ON audit BEGIN
  SELECT raise(ABORT, 'audit is append-only');
END;
CREATE TRIGGER audit_keeps_all BEFORE DELETE ON audit BEGIN
  SELECT raise(ABORT, 'audit is append-only');
END;
"""

MIGRATIONS: tuple[str, ...] = (FIRST,)
PAGE = 8192
"""Bytes of a page: what a commit writes is a number of them (PERFORMANCE 4)."""
META = "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"


def make_place(path: Path) -> None:
    """Folders (0700) and an empty file (0600), where they are missing. SQLite gives its side files the same mode."""
    missing = []
    folder = path.parent
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_CLOEXEC", 0), 0o600))


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """One connection with our settings; transactions are begun and ended by name."""
    connection = sqlite3.connect(
        path, timeout=10.0, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    if read_only:
        connection.execute("PRAGMA query_only = ON")
    else:
        connection.execute(f"PRAGMA page_size = {PAGE}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        # A bound for the write-ahead log, in pages: steady load then writes over the same blocks (PERFORMANCE 4).
        # Most of it is written into the file by then, by the checkpoints beside.
        connection.execute("PRAGMA wal_autocheckpoint = 8000")
    return connection


def statements(script: str) -> list[str]:
    """The statements of a script; a trigger with its semicolons is one."""
    found: list[str] = []
    part = ""
    for line in script.splitlines():
        part += line + "\n"
        if sqlite3.complete_statement(part):
            found.append(part.strip())
            part = ""
    return found


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema forward to ours, all or nothing. Raises: StoreError when it is newer than we are."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(META)
        row = connection.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()
        version = int(row[0]) if row else 0
        if version > len(MIGRATIONS):
            raise StoreError(
                f"the store has schema {version} and this engine knows {len(MIGRATIONS)}; "
                "start the newer engine that made it, or restore the backup from before the upgrade",
                code="store.newer",
            )
        for script in MIGRATIONS[version:]:
            for statement in statements(script):
                connection.execute(statement)
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('schema', ?)", (str(len(MIGRATIONS)),))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
