-- Schema 1. Never changed: what comes later is a step of its own.

-- A maildrop's number is never reused. A row stays after its account is gone until the store
-- has destroyed the mail.
CREATE TABLE maildrop (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    removed INTEGER             -- when its account was removed: seconds since 1970
) STRICT;

CREATE TABLE account (
    id                     INTEGER PRIMARY KEY AUTOINCREMENT,
    name                   TEXT    NOT NULL UNIQUE,     -- local part as given @ A-labels
    maildrop               INTEGER NOT NULL UNIQUE REFERENCES maildrop (id),
    enabled                INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    hash                   TEXT,                        -- argon2id, a PHC string
    version                INTEGER NOT NULL DEFAULT 1,  -- raised by each change of password
    imported               BLOB,                        -- keyed digest of the hash as imported
    allow_clear_text       INTEGER NOT NULL DEFAULT 0 CHECK (allow_clear_text IN (0, 1)),
    networks               TEXT    NOT NULL DEFAULT '', -- comma between; '' is anywhere
    main_password_over_pop3 INTEGER CHECK (main_password_over_pop3 IN (0, 1)),
    created                INTEGER NOT NULL,
    last_used              INTEGER,
    last_from              TEXT,
    last_client            TEXT
) STRICT;

-- An account's own name is an address too, so that nothing can be both.
CREATE TABLE address (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    domain TEXT    NOT NULL,                            -- A-labels, lower case
    local  TEXT    NOT NULL,                            -- NFC, case as given; '' is the catch-all
    folded TEXT    NOT NULL,                            -- case folded
    own    INTEGER NOT NULL DEFAULT 0 CHECK (own IN (0, 1)),
    UNIQUE (domain, local)
) STRICT;
CREATE INDEX address_by_name ON address (domain, folded);
CREATE INDEX address_by_folded ON address (folded);

CREATE TABLE address_target (
    address INTEGER NOT NULL REFERENCES address (id) ON DELETE CASCADE,
    account INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    PRIMARY KEY (address, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX address_target_by_account ON address_target (account);

CREATE TABLE app_password (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    account          INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    label            TEXT    NOT NULL,
    kind             TEXT    NOT NULL CHECK (kind IN ('device', 'worker')),
    scope_pop3       INTEGER NOT NULL CHECK (scope_pop3 IN (0, 1)),
    scope_submission INTEGER NOT NULL CHECK (scope_submission IN (0, 1)),
    scope_web        INTEGER NOT NULL CHECK (scope_web IN (0, 1)),
    networks         TEXT    NOT NULL DEFAULT '',
    expires          INTEGER,
    digest           BLOB    NOT NULL UNIQUE,           -- keyed BLAKE3, 32 octets
    version          INTEGER NOT NULL DEFAULT 1,
    created          INTEGER NOT NULL,
    last_used        INTEGER,
    last_from        TEXT,
    last_client      TEXT,
    UNIQUE (account, label)
) STRICT;

-- Keys that live as long as the database.
CREATE TABLE secret (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;
