-- The authority's own books. The facility may read `stop` and `request`, and add to `report`; everything else happens here.
CREATE TABLE IF NOT EXISTS request (
    id     TEXT PRIMARY KEY,
    status TEXT NOT NULL DEFAULT 'PENDING', -- PENDING, ISSUED, CANCELLED, FAILED (OSIA CredentialRequest.status)
    sod    TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS stop (
    request TEXT PRIMARY KEY REFERENCES request (id),
    reason  TEXT NOT NULL -- held, cancelled, superseded, deceased
) STRICT, WITHOUT ROWID;

-- What the facility reported, once per key.
CREATE TABLE IF NOT EXISTS report (
    key     TEXT PRIMARY KEY,
    request TEXT NOT NULL REFERENCES request (id),
    version INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    chip    TEXT,
    sod     TEXT,
    box     TEXT
) STRICT, WITHOUT ROWID;

-- Chips no inspection system may accept: waste, lost, or out of sight.
CREATE TABLE IF NOT EXISTS refused (
    chip    TEXT PRIMARY KEY,
    sod     TEXT,
    request TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER IF NOT EXISTS report_made AFTER INSERT ON report WHEN NEW.outcome = 'made' BEGIN
    UPDATE request SET status = 'ISSUED', sod = NEW.sod WHERE id = NEW.request AND sod IS NULL;
    -- A card that was in quarantine is in its box after all. What was waste once stays refused.
    DELETE FROM refused WHERE chip = NEW.chip AND NOT EXISTS (
        SELECT 1 FROM report WHERE chip = NEW.chip AND outcome IN ('spoiled', 'not_found')
    );
END;

-- A card that was counted as valid and is waste or lost now is owed again.
CREATE TRIGGER IF NOT EXISTS report_refused AFTER INSERT ON report WHEN NEW.outcome <> 'made' BEGIN
    -- A card that nobody found before its chip had named itself has no chip to refuse.
    INSERT INTO refused (chip, sod, request) SELECT NEW.chip, NEW.sod, NEW.request WHERE NEW.chip IS NOT NULL
        ON CONFLICT (chip) DO NOTHING;
    UPDATE request SET status = 'PENDING', sod = NULL WHERE id = NEW.request AND sod = NEW.sod;
END;
