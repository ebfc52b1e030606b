-- Schema 3. Never changed: what comes later is a step of its own.

-- SCRAM (RFC 5802): a client says its name before it proves anything, and is sent the salt then.
-- So all credentials of an account have one salt and one count of iterations.
CREATE TABLE scram_salt (
    account    INTEGER PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    salt       BLOB    NOT NULL,
    iterations INTEGER NOT NULL
) STRICT;

CREATE TABLE scram_key (
    account      INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    app_password INTEGER REFERENCES app_password (id) ON DELETE CASCADE, -- NULL: the main password
    hash         TEXT    NOT NULL CHECK (hash IN ('SHA-1', 'SHA-256')),
    stored       BLOB    NOT NULL,                     -- StoredKey
    server       BLOB    NOT NULL                      -- ServerKey
) STRICT;
CREATE UNIQUE INDEX scram_key_by_credential
    ON scram_key (account, coalesce(app_password, 0), hash);
CREATE INDEX scram_key_by_app_password ON scram_key (app_password);

-- The keys of a main password go with it, whoever changes it.
CREATE TRIGGER scram_key_of_old_password AFTER UPDATE OF version ON account
WHEN new.version <> old.version
BEGIN
    DELETE FROM scram_key WHERE account = new.id AND app_password IS NULL;
END;

-- App passwords that can be read back, for APOP and CRAM-MD5: sealed under a key that lies in a
-- file beside the database.
CREATE TABLE recoverable (
    app_password INTEGER PRIMARY KEY REFERENCES app_password (id) ON DELETE CASCADE,
    sealed       BLOB    NOT NULL
) STRICT;
