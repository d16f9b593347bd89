CREATE TABLE orders (
    key      INTEGER PRIMARY KEY AUTOINCREMENT,
    request  TEXT NOT NULL UNIQUE, -- the registry's id: admitting twice is harmless
    version  INTEGER NOT NULL,
    person   TEXT NOT NULL,        -- HMAC of the personal number under an HSM key
    office   TEXT NOT NULL,
    profile  TEXT NOT NULL,
    priority INTEGER NOT NULL,
    place    TEXT NOT NULL,        -- sorts the orders of an office into the office's own order
    received TEXT NOT NULL,
    due      TEXT NOT NULL,
    state    TEXT NOT NULL,
    hold     TEXT,
    remake   INTEGER NOT NULL,
    lot      INTEGER
) STRICT;
-- One live order per person.
CREATE UNIQUE INDEX orders_person ON orders (person) WHERE state IN ('waiting', 'held', 'in_lot');
CREATE INDEX orders_by_person ON orders (person);
CREATE INDEX orders_urgent ON orders (priority DESC, due, key) WHERE state = 'waiting';
CREATE INDEX orders_lot ON orders (office, profile, remake, place, key) WHERE state = 'waiting';
CREATE INDEX orders_state ON orders (state, key);

-- Personal data, sealed under the order's own key, which the HSM wraps.
CREATE TABLE dossier (
    order_key   INTEGER PRIMARY KEY REFERENCES orders (key),
    wrapped_key BLOB NOT NULL,
    sealed      BLOB NOT NULL
) STRICT;

CREATE TABLE lot (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    office     TEXT NOT NULL,
    profile    TEXT NOT NULL,
    machine    TEXT NOT NULL,
    controller TEXT NOT NULL,
    fence      INTEGER NOT NULL
) STRICT;

-- Fencing: a number that only grows; a claim that carries an older one is refused.
CREATE TABLE controller (
    name  TEXT PRIMARY KEY,
    fence INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE returned (
    document TEXT PRIMARY KEY, -- SHA-256 of the document as it came
    request  TEXT,
    office   TEXT,
    codes    TEXT NOT NULL,
    notice   TEXT NOT NULL,
    day      TEXT NOT NULL
) STRICT;
