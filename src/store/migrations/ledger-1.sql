-- The record. Rows are only ever added.
CREATE TABLE entry (
    seq        INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL, -- nanoseconds since 1970, UTC
    controller TEXT NOT NULL,    -- name#token: the token fences off an older run of the same controller
    kind       TEXT NOT NULL,
    subject    TEXT NOT NULL,
    body       BLOB NOT NULL,    -- the fact in JSON, under its name
    hash       BLOB NOT NULL     -- chained: covers this row and the hash before it
) STRICT;
CREATE INDEX entry_subject ON entry (subject);

-- State: the fold of the record, written in the append's own transaction.
CREATE TABLE attempt (
    order_key INTEGER NOT NULL,
    number    INTEGER NOT NULL,
    lot       INTEGER NOT NULL,
    live      INTEGER NOT NULL,
    over      INTEGER NOT NULL,
    unreported INTEGER NOT NULL,
    chip      TEXT UNIQUE, -- law 3: a chip identity belongs to one attempt for ever
    blank     TEXT UNIQUE, -- law 3: a blank is used once
    sod       TEXT UNIQUE,
    chip_key  TEXT UNIQUE, -- a cloned generator would make the same chip key twice
    box       TEXT,
    slot      INTEGER,
    state     TEXT NOT NULL,
    PRIMARY KEY (order_key, number),
    UNIQUE (box, slot)
) STRICT, WITHOUT ROWID;
-- Law 2: one live attempt per order. A boxed card stays live: no other may follow it.
CREATE UNIQUE INDEX attempt_live ON attempt (order_key) WHERE live = 1;
CREATE INDEX attempt_open ON attempt (lot, order_key, number) WHERE over = 0;
CREATE INDEX attempt_boxing ON attempt (lot, order_key, number) WHERE over = 0 AND state ->> '$.phase.doing' IS 'box';
CREATE INDEX attempt_lot ON attempt (lot);
CREATE INDEX attempt_unreported ON attempt (order_key, number) WHERE unreported = 1;

CREATE TABLE bundle (
    order_key INTEGER NOT NULL,
    number    INTEGER NOT NULL,
    part      TEXT NOT NULL, -- content, keys, signed
    sealed    BLOB NOT NULL,
    PRIMARY KEY (order_key, number, part)
) STRICT;

CREATE TABLE blank (
    chip  TEXT PRIMARY KEY,
    blank TEXT NOT NULL UNIQUE,
    pack  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE stock (
    pack  TEXT NOT NULL,
    place TEXT NOT NULL,
    count INTEGER NOT NULL CHECK (count >= 0),
    PRIMARY KEY (pack, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX stock_there ON stock (place, pack) WHERE count > 0;

CREATE TABLE box (
    label    TEXT PRIMARY KEY,
    office   TEXT NOT NULL,
    cards    INTEGER NOT NULL,
    standing TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX box_office ON box (office, label);

-- Those that are not closed: of the others the record tells.
CREATE TABLE lot (
    id   INTEGER PRIMARY KEY,
    body TEXT NOT NULL
) STRICT;
