-- Somebody was told of the study and refused. No name, no free text, no birth date: the therapist, the week and why.
CREATE TABLE refusal ( -- masked
  id TEXT PRIMARY KEY,              -- 'N-.......'
  subject TEXT NOT NULL,            -- the same: nobody's but its own
  kind TEXT NOT NULL,               -- who refused: 'patient' or 'therapist'
  site TEXT NOT NULL,
  therapist TEXT NOT NULL,          -- whose patient; '' for a therapist
  week BIGINT NOT NULL,             -- its Monday, in days since 1970-01-01
  reason TEXT NOT NULL              -- 'time', 'privacy', 'study', 'unsaid'
);
CREATE INDEX refusal_site ON refusal (site, week, id);
