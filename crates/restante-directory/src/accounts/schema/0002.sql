-- Schema 2. Never changed: what comes later is a step of its own.

-- How an account's maildrop is kept where it is not as the site has it: one row a rule, in the
-- words that people write. What is not here is as the site has it.
CREATE TABLE keeping (
    account INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    rule    TEXT    NOT NULL,
    value   TEXT    NOT NULL,
    PRIMARY KEY (account, rule)
) STRICT, WITHOUT ROWID;
CREATE INDEX keeping_by_rule ON keeping (rule, value);
