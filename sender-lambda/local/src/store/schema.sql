-- Secrets Manager's model: versions, and labels that point at them.
CREATE TABLE secret (
    tenant TEXT NOT NULL, revision TEXT NOT NULL, sealed BLOB NOT NULL, created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, revision)
) WITHOUT ROWID;
CREATE TABLE secret_label (
    tenant TEXT NOT NULL, label TEXT NOT NULL, revision TEXT NOT NULL,
    PRIMARY KEY (tenant, label)
) WITHOUT ROWID;

CREATE TABLE event (
    tenant TEXT NOT NULL, id TEXT NOT NULL, document BLOB NOT NULL, look_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
);
-- When a document may be deleted, unless a row of it needs it.
CREATE INDEX event_by_time ON event (look_at);

-- `document` is the row as JSON; the columns beside it are for comparisons and look-ups.
CREATE TABLE delivery (
    seq INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL, id TEXT NOT NULL, event TEXT NOT NULL, recipient TEXT NOT NULL, status TEXT NOT NULL,
    queued_at INTEGER NOT NULL, version INTEGER NOT NULL, document TEXT NOT NULL, due INTEGER,
    UNIQUE (tenant, id)
);
CREATE INDEX delivery_by_due ON delivery (due) WHERE due IS NOT NULL;
CREATE INDEX delivery_by_time ON delivery (tenant, queued_at, seq);
CREATE INDEX delivery_by_status ON delivery (tenant, status, queued_at, seq);
CREATE INDEX delivery_by_event ON delivery (tenant, event, queued_at, seq);
CREATE INDEX delivery_by_recipient ON delivery (tenant, recipient, queued_at, seq);

CREATE TABLE state (
    tenant TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, version INTEGER NOT NULL, expires INTEGER,
    PRIMARY KEY (tenant, key)
) WITHOUT ROWID;
-- When a tenant's relay is to be looked at.
CREATE TABLE watch (tenant TEXT PRIMARY KEY, due INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX watch_by_due ON watch (due);

-- `in_flight`: a worker of the running process has it. After a restart no worker has it. `lane`: the lanes of a group take turns.
CREATE TABLE message (
    seq INTEGER PRIMARY KEY,
    grp TEXT NOT NULL, lane INTEGER NOT NULL DEFAULT 0, body TEXT NOT NULL, visible_at INTEGER NOT NULL, receipt TEXT UNIQUE,
    in_flight INTEGER NOT NULL DEFAULT 0, receives INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX message_by_lane ON message (grp, lane, visible_at, seq);
CREATE INDEX message_by_time ON message (visible_at);

CREATE TABLE emitted (
    seq INTEGER PRIMARY KEY, detail_type TEXT NOT NULL, detail TEXT NOT NULL, at INTEGER NOT NULL
);

CREATE TABLE mail (
    seq INTEGER PRIMARY KEY,
    relay TEXT NOT NULL, mail_from TEXT NOT NULL, rcpt_to TEXT NOT NULL, data BLOB NOT NULL, at INTEGER NOT NULL
);

-- Sealed values of the installation itself, by name: its CA, the relays' ports and passwords.
CREATE TABLE memo (name TEXT PRIMARY KEY, sealed BLOB NOT NULL) WITHOUT ROWID;
