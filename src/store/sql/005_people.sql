-- What one administrator has asked for and a second one has not answered: a link to an account that may meet an arm or an
-- identity, or such a role.
CREATE TABLE account_ask (
  account TEXT NOT NULL,
  what TEXT NOT NULL,               -- 'link' or 'roles'
  subject TEXT NOT NULL,            -- the account
  roles TEXT NOT NULL,              -- all that the account is to have, a blank between; '' for a link
  asked_by TEXT NOT NULL,
  time_ms BIGINT NOT NULL,
  PRIMARY KEY (account, what)
);
-- What an entry was written about lately (people/told.h), so that the same again within five minutes writes none.
CREATE TABLE run_told ( -- account, contact
  name TEXT PRIMARY KEY,            -- SHA-256, hex, of what it was
  subject TEXT NOT NULL,
  time_ms BIGINT NOT NULL
);
