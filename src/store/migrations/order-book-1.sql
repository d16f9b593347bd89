CREATE TABLE orders (
    key      INTEGER PRIMARY KEY AUTOINCREMENT,
    request  TEXT NOT NULL UNIQUE, -- the registry's id: admitting twice is harmless
    version  INTEGER NOT NULL,
    person   TEXT NOT NULL,        -- HMAC of the personal number under an HSM key
    content  TEXT NOT NULL,        -- HMAC of what was signed: the same version must not say something else
    office   TEXT NOT NULL,
    profile  TEXT NOT NULL,
    priority INTEGER NOT NULL,
    place    TEXT NOT NULL,        -- sorts the orders of an office into the office's own order
    received TEXT NOT NULL,
    admitted TEXT NOT NULL,
    due      TEXT NOT NULL,
    state    TEXT NOT NULL,
    hold     TEXT,
    by_hand  TEXT, -- why a person holds it: no new version of the dossier lets go of that
    ranked   INTEGER, -- the priority a person gave it, likewise
    flags    TEXT, -- codes of what was noted at admission
    remake   INTEGER NOT NULL,
    tries    INTEGER NOT NULL DEFAULT 0, -- claims so far: the number of the attempt that the last one is for
    lot      INTEGER                     -- fencing token: of the last claim; 0 when it was taken back
) STRICT;
-- One live order per person.
CREATE UNIQUE INDEX orders_person ON orders (person) WHERE state IN ('waiting', 'held', 'in_lot');
CREATE INDEX orders_by_person ON orders (person);
CREATE INDEX orders_urgent ON orders (priority DESC, due, key) WHERE state = 'waiting';
CREATE INDEX orders_lot ON orders (office, profile, remake, place, key) WHERE state = 'waiting';
CREATE INDEX orders_state ON orders (state, key);
CREATE INDEX orders_in_lot ON orders (lot) WHERE state = 'in_lot';

-- Personal data, sealed under the order's own key, which the HSM wraps.
CREATE TABLE dossier (
    order_key   INTEGER PRIMARY KEY REFERENCES orders (key),
    wrapped_key BLOB NOT NULL,
    sealed      BLOB NOT NULL
) STRICT;

-- Lots as they were claimed. Their numbers only grow, and are never given twice.
CREATE TABLE lot (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    ticket     TEXT NOT NULL UNIQUE, -- chosen by the claimer: a claim whose answer was lost is asked for by it
    office     TEXT NOT NULL,
    profile    TEXT NOT NULL,
    machine    TEXT NOT NULL,
    controller TEXT NOT NULL,
    granted    INTEGER NOT NULL DEFAULT 0, -- given to its machine: no end of a lease takes it back
    freed      INTEGER NOT NULL DEFAULT 0  -- taken back before that
) STRICT;
CREATE INDEX lot_loose ON lot (controller) WHERE granted = 0 AND freed = 0;

-- Who may claim. The fence is raised by each start; a write that carries an older one is refused.
CREATE TABLE controller (
    name     TEXT PRIMARY KEY,
    fence    INTEGER NOT NULL,
    home     TEXT NOT NULL,    -- machine and ledger: there, a lock keeps a second process out
    lease    INTEGER NOT NULL, -- end of its lease by the database's clock, in milliseconds since 1970
    timeline TEXT NOT NULL,    -- the history of the server that it has compared its own books with
    given_up INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE returned (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    document TEXT NOT NULL UNIQUE, -- SHA-256 of the document as it came
    request  TEXT,
    person   TEXT,                 -- keyed hash of the personal number, as far as it could be read
    office   TEXT,
    codes    TEXT NOT NULL,
    notice   TEXT NOT NULL,
    day      TEXT NOT NULL
) STRICT;
CREATE INDEX returned_request ON returned (request);
CREATE INDEX returned_person ON returned (person);
