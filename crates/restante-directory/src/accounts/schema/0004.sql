-- Schema 4. Never changed: what comes later is a step of its own.

-- Accounts of passwd files have a row too, so that their maildrop's number stays theirs
-- whatever becomes of their line. A row that was not made here has no hash.
ALTER TABLE account ADD COLUMN made INTEGER NOT NULL DEFAULT 1 CHECK (made IN (0, 1));
-- A keyed digest of the file and the password field that decide about the account now; NULL:
-- the hash in this row does. Another digest is another password.
ALTER TABLE account ADD COLUMN decided BLOB;
-- Since when no file knows an account that was not made here: seconds since 1970.
ALTER TABLE account ADD COLUMN absent INTEGER;
