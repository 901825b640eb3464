-- replay
-- How urgent each course is, so that a list can be ordered and cut into pages by the database.
CREATE TABLE cache_course (
  patient TEXT PRIMARY KEY,
  subject TEXT NOT NULL,
  basis TEXT NOT NULL,              -- SHA-256, hex, of all that the state rests on
  urgency BIGINT NOT NULL,          -- feedback/state.h: 0 the most urgent
  flagged BIGINT NOT NULL,          -- 1 when there is a tension or a repair at any session
  last_day BIGINT NOT NULL          -- of the last session; -1 when unknown
);
-- A showing stands as long as what was shown is what would be shown now.
DROP TABLE arm_showing;
CREATE TABLE arm_showing (
  patient TEXT NOT NULL,
  viewer TEXT NOT NULL,             -- account
  page TEXT NOT NULL,
  time_ms BIGINT NOT NULL,
  sequence BIGINT NOT NULL,
  subject TEXT NOT NULL,
  sign_in TEXT NOT NULL,            -- which sign-in it belongs to
  basis TEXT NOT NULL,              -- what the figures rest on; '' in entries that did not say
  PRIMARY KEY (patient, viewer, page, time_ms, sequence)
);
CREATE INDEX arm_showing_viewer ON arm_showing (viewer, page, sign_in, time_ms, patient, sequence);
