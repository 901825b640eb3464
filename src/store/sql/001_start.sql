-- The schema, first version. One text for SQLite and PostgreSQL; on PostgreSQL BLOB is a domain over bytea.
-- Four kinds of table, told by prefix: ledger_ (the record), the derived tables (no prefix, or arm_: what tells the arm),
-- cache_ (may be emptied at any time), run_ (neither entries nor replayed). schema_version belongs to the store.
-- Beside a table's name stands who reads it (tools/assemble.sh): "masked", only when neither its rows nor their being
-- there depends on an arm, and when a masked page has need of it. Never so, beside what tells the arm: account (password,
-- second factor), identity, note (the free text of a therapist, who may write of the training), run_outbox (a trained
-- therapist's mail differs).
-- `subject` is whom a row is about (a table without it says "no subject"): erasing a subject deletes its rows. 0 stands for "not yet" in times, '' for none.

CREATE TABLE ledger_head (
  one BIGINT PRIMARY KEY,           -- always 1
  size BIGINT NOT NULL,             -- entries so far
  frontier BLOB NOT NULL,           -- roots of the full subtrees, largest first, 32 bytes each
  checkpoint TEXT NOT NULL          -- the newest signed note
);
CREATE TABLE ledger_entry (
  sequence BIGINT PRIMARY KEY,
  time_ms BIGINT NOT NULL,
  actor TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  commitment BLOB NOT NULL,
  leaf BLOB NOT NULL
);
CREATE TABLE ledger_body (
  sequence BIGINT PRIMARY KEY,
  sealed BLOB NOT NULL              -- salt and JSON under the subject's key
);
CREATE TABLE ledger_key (
  subject TEXT PRIMARY KEY,
  wrapped BLOB NOT NULL             -- the subject's key under the home's body key; gone when the subject is erased
);
CREATE TABLE ledger_checkpoint (
  size BIGINT PRIMARY KEY,
  time_ms BIGINT NOT NULL,
  reason TEXT NOT NULL,
  note TEXT NOT NULL
);

-- The log as masked roles see it: rows numbered among themselves, none that depends on an arm.
CREATE TABLE audit_masked ( -- masked, no subject
  number BIGINT PRIMARY KEY,
  time_ms BIGINT NOT NULL,
  actor TEXT NOT NULL,
  kind TEXT NOT NULL,
  about TEXT NOT NULL               -- the entry's subject; not named `subject`: the log outlives an erasure
);

CREATE TABLE study_version ( -- masked
  version BIGINT PRIMARY KEY,
  subject TEXT NOT NULL,            -- 'study'
  time_ms BIGINT NOT NULL,
  hash TEXT NOT NULL,               -- SHA-256 of the bundle, hex
  approval TEXT NOT NULL,           -- the ethics approval's reference
  approval_date TEXT NOT NULL,
  bundle TEXT NOT NULL              -- the definition with all its forms, canonical JSON
);

CREATE TABLE account ( -- account
  code TEXT PRIMARY KEY,            -- 'A-.......'
  subject TEXT NOT NULL,            -- the same
  login TEXT NOT NULL,              -- keyed hash of the sign-in name; '' when signed in by link only
  password TEXT NOT NULL,           -- Argon2id string; '' when none is set
  totp TEXT NOT NULL,               -- sealed secret, hex; '' when none is set
  language TEXT NOT NULL,
  person TEXT NOT NULL,             -- the therapist whom this account belongs to, or ''
  site TEXT NOT NULL,               -- '' means all sites
  disabled BIGINT NOT NULL,
  created_ms BIGINT NOT NULL,
  sign_ins BIGINT NOT NULL,         -- how many were completed
  signed_in_ms BIGINT NOT NULL,     -- the last of them
  credentials BIGINT NOT NULL,      -- how often password or second factor were changed
  identity BLOB NOT NULL            -- sealed sign-in name, name and address
);
CREATE INDEX account_login ON account (login, code);
CREATE INDEX account_person ON account (person, code);
CREATE TABLE account_role ( -- masked, account
  account TEXT NOT NULL,
  role TEXT NOT NULL,
  subject TEXT NOT NULL,
  PRIMARY KEY (account, role)
);

CREATE TABLE person ( -- masked
  code TEXT PRIMARY KEY,            -- 'T-.......' a therapist, 'P-.......' a patient
  subject TEXT NOT NULL,            -- the same
  kind TEXT NOT NULL,               -- 'therapist' or 'patient'
  site TEXT NOT NULL,
  therapist TEXT NOT NULL,          -- of a patient; '' for a therapist
  language TEXT NOT NULL,
  study_version BIGINT NOT NULL,
  enrolled_ms BIGINT NOT NULL,
  withdrawn_ms BIGINT NOT NULL,
  withdrawn_reason TEXT NOT NULL
);
CREATE INDEX person_therapist ON person (therapist, code);
CREATE TABLE identity (
  person TEXT PRIMARY KEY,
  subject TEXT NOT NULL,
  lookup TEXT NOT NULL,             -- keyed hash by which a duplicate is found
  sealed BLOB NOT NULL
);
CREATE INDEX identity_lookup ON identity (lookup, person);
CREATE TABLE screening ( -- masked
  person TEXT NOT NULL,
  criterion TEXT NOT NULL,
  subject TEXT NOT NULL,
  met BIGINT NOT NULL,              -- 1 met, 0 not met
  time_ms BIGINT NOT NULL,
  PRIMARY KEY (person, criterion)
);
CREATE TABLE consent ( -- masked
  person TEXT NOT NULL,
  version TEXT NOT NULL,
  subject TEXT NOT NULL,
  study_version BIGINT NOT NULL,
  time_ms BIGINT NOT NULL,
  PRIMARY KEY (person, version)
);

CREATE TABLE session ( -- masked
  patient TEXT NOT NULL,
  number BIGINT NOT NULL,           -- 1, 2, ...; an imported series may begin at 0
  subject TEXT NOT NULL,
  held_day BIGINT NOT NULL,         -- days since 1970-01-01
  recorded_ms BIGINT NOT NULL,
  PRIMARY KEY (patient, number)
);

-- A form opened to one person on one occasion.
CREATE TABLE occasion ( -- masked
  id TEXT PRIMARY KEY,              -- 'F-.......'
  subject TEXT NOT NULL,            -- the patient it is about, else the therapist
  form TEXT NOT NULL,
  name TEXT NOT NULL,               -- the study's name of the occasion
  study_version BIGINT NOT NULL,
  rater TEXT NOT NULL,              -- 'patient' or 'therapist': who answers
  respondent TEXT NOT NULL,         -- that person's code
  patient TEXT NOT NULL,            -- '' when it is about no patient
  session_number BIGINT NOT NULL,   -- -1 when it belongs to no session
  opened_ms BIGINT NOT NULL,
  due_ms BIGINT NOT NULL,
  closes_ms BIGINT NOT NULL,
  submitted_ms BIGINT NOT NULL,     -- 0 while it is open
  language TEXT NOT NULL            -- in which it was answered
);
CREATE UNIQUE INDEX occasion_once ON occasion (respondent, name, patient, session_number);
CREATE INDEX occasion_subject ON occasion (subject, id);
CREATE INDEX occasion_due ON occasion (submitted_ms, due_ms, id);
CREATE INDEX occasion_patient ON occasion (patient, session_number, id);
CREATE TABLE link ( -- masked
  token TEXT PRIMARY KEY,           -- SHA-256 of the token, hex
  subject TEXT NOT NULL,
  occasion TEXT NOT NULL,
  serial BIGINT NOT NULL,
  expires_ms BIGINT NOT NULL
);
CREATE INDEX link_occasion ON link (occasion, serial);
CREATE TABLE reminder ( -- masked
  occasion TEXT NOT NULL,
  serial BIGINT NOT NULL,           -- of the link that it sent
  subject TEXT NOT NULL,
  made_ms BIGINT NOT NULL,
  PRIMARY KEY (occasion, serial)
);
CREATE TABLE answer ( -- masked
  occasion TEXT NOT NULL,
  item TEXT NOT NULL,
  subject TEXT NOT NULL,
  value TEXT NOT NULL,
  revision BIGINT NOT NULL,         -- 0 as submitted, then one more at each correction
  PRIMARY KEY (occasion, item)
);
CREATE TABLE correction ( -- masked
  occasion TEXT NOT NULL,
  item TEXT NOT NULL,
  revision BIGINT NOT NULL,
  subject TEXT NOT NULL,
  before TEXT NOT NULL,
  after TEXT NOT NULL,
  reason TEXT NOT NULL,
  actor TEXT NOT NULL,
  time_ms BIGINT NOT NULL,
  PRIMARY KEY (occasion, item, revision)
);
CREATE TABLE score ( -- masked
  occasion TEXT NOT NULL,
  name TEXT NOT NULL,
  subject TEXT NOT NULL,
  value TEXT NOT NULL,              -- a decimal as text
  PRIMARY KEY (occasion, name)
);
-- The client-made key of each submission: the same again gives the same answer, another body under it is refused.
CREATE TABLE submission ( -- masked
  key TEXT PRIMARY KEY,
  subject TEXT NOT NULL,
  occasion TEXT NOT NULL,
  body_hash TEXT NOT NULL
);
-- What the detector reads: one rating a session and rater.
CREATE TABLE rating ( -- masked
  patient TEXT NOT NULL,
  session_number BIGINT NOT NULL,
  rater TEXT NOT NULL,
  subject TEXT NOT NULL,
  value TEXT NOT NULL,              -- a decimal as text; '' when only the report was given
  reported BIGINT NOT NULL,         -- a tension reported directly: 1 yes, 0 no, -1 not asked or not answered
  resolved BIGINT NOT NULL,         -- reported as resolved: 1 yes, 0 no, -1 not asked or not answered
  PRIMARY KEY (patient, session_number, rater)
);

CREATE TABLE note (
  patient TEXT NOT NULL,
  author TEXT NOT NULL,
  number BIGINT NOT NULL,
  subject TEXT NOT NULL,
  text TEXT NOT NULL,
  time_ms BIGINT NOT NULL,
  PRIMARY KEY (patient, author, number)
);

CREATE TABLE tombstone ( -- masked
  erased TEXT PRIMARY KEY,          -- the code that was erased
  subject TEXT NOT NULL,            -- 'study': it outlives what it marks
  kind TEXT NOT NULL,
  site TEXT NOT NULL,
  therapist TEXT NOT NULL,
  time_ms BIGINT NOT NULL
);

-- What tells the arm.
CREATE TABLE arm_allocation (
  person TEXT PRIMARY KEY,
  subject TEXT NOT NULL,
  arm TEXT NOT NULL,
  wave BIGINT NOT NULL,
  slot BIGINT NOT NULL,
  released_ms BIGINT NOT NULL
);
CREATE TABLE arm_showing (
  patient TEXT NOT NULL,
  viewer TEXT NOT NULL,             -- account
  page TEXT NOT NULL,
  time_ms BIGINT NOT NULL,
  sequence BIGINT NOT NULL,
  subject TEXT NOT NULL,
  sign_in TEXT NOT NULL,            -- which sign-in it belongs to
  PRIMARY KEY (patient, viewer, page, time_ms, sequence)
);
CREATE INDEX arm_showing_viewer ON arm_showing (viewer, page, sign_in, time_ms, patient, sequence);

-- What the detector says of each session, online. Decimals as text; known 0: too early, or no rating.
CREATE TABLE cache_detection ( -- masked
  patient TEXT NOT NULL,
  session_number BIGINT NOT NULL,
  subject TEXT NOT NULL,
  estimate TEXT NOT NULL,           -- by which estimate of the sample
  known BIGINT NOT NULL,
  expected TEXT NOT NULL,
  low TEXT NOT NULL,
  high TEXT NOT NULL,
  tension TEXT NOT NULL,
  repaired TEXT NOT NULL,
  event BIGINT NOT NULL,            -- 0 none, 1 tension, 2 repair
  reported BIGINT NOT NULL,
  PRIMARY KEY (patient, session_number)
);
CREATE TABLE cache_estimate ( -- no subject
  name TEXT PRIMARY KEY,
  made_ms BIGINT NOT NULL,
  body TEXT NOT NULL
);

CREATE TABLE run_session ( -- account
  token TEXT PRIMARY KEY,           -- SHA-256 of the cookie, hex
  subject TEXT NOT NULL,            -- the account
  made_ms BIGINT NOT NULL,
  seen_ms BIGINT NOT NULL,
  proved_ms BIGINT NOT NULL,        -- last time the password or code was given
  stage TEXT NOT NULL,              -- 'full', or 'code' while the second factor is awaited
  form_token TEXT NOT NULL          -- against cross-site requests
);
CREATE TABLE run_sign_in_link ( -- account
  token TEXT PRIMARY KEY,
  subject TEXT NOT NULL,
  expires_ms BIGINT NOT NULL,
  used_ms BIGINT NOT NULL
);
CREATE TABLE run_totp ( -- account
  account TEXT PRIMARY KEY,
  subject TEXT NOT NULL,
  step BIGINT NOT NULL              -- of the last code accepted: each is taken once
);
CREATE TABLE run_throttle ( -- account, no subject
  name TEXT PRIMARY KEY,            -- keyed hash of what is counted
  window_ms BIGINT NOT NULL,
  tries BIGINT NOT NULL
);
CREATE TABLE run_draft ( -- masked
  occasion TEXT PRIMARY KEY,
  subject TEXT NOT NULL,
  body TEXT NOT NULL,               -- JSON: item -> what was typed
  saved_ms BIGINT NOT NULL
);
CREATE TABLE run_outbox (
  id TEXT PRIMARY KEY,
  subject TEXT NOT NULL,
  template TEXT NOT NULL,
  occasion TEXT NOT NULL,
  person TEXT NOT NULL,             -- whose sealed address
  serial BIGINT NOT NULL,
  made_ms BIGINT NOT NULL,
  sent_ms BIGINT NOT NULL,
  state TEXT NOT NULL               -- 'waiting', 'sent', 'bounced'
);
