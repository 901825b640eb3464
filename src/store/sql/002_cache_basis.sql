-- What the detector said is kept with what it rests on, so that whoever reads it can tell whether it still holds.
DROP TABLE cache_detection;
DELETE FROM cache_estimate;
-- What the detector says of each session, online. Decimals as text; known 0: too early, or no rating.
CREATE TABLE cache_detection ( -- masked
  patient TEXT NOT NULL,
  session_number BIGINT NOT NULL,
  subject TEXT NOT NULL,
  basis TEXT NOT NULL,              -- SHA-256, hex, of all that the judgement rests on; the same in every row of a course
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
