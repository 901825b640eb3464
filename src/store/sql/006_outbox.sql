-- The outbox as the mail worker needs it (mail/outbox.h). What waited before there was a worker keeps waiting.
ALTER TABLE run_outbox ADD COLUMN key TEXT NOT NULL DEFAULT '';           -- rule, occasion, person and iteration: one row for ever
ALTER TABLE run_outbox ADD COLUMN why TEXT NOT NULL DEFAULT '';           -- why it is sent, in words; codes, no names
ALTER TABLE run_outbox ADD COLUMN outcome TEXT NOT NULL DEFAULT '';       -- what came of it, or why it was not sent
ALTER TABLE run_outbox ADD COLUMN code BIGINT NOT NULL DEFAULT 0;         -- the mail server's last answer (250, 451, ...)
ALTER TABLE run_outbox ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;
ALTER TABLE run_outbox ADD COLUMN next_ms BIGINT NOT NULL DEFAULT 0;      -- not before
ALTER TABLE run_outbox ADD COLUMN claim TEXT NOT NULL DEFAULT '';         -- of the worker that has it
ALTER TABLE run_outbox ADD COLUMN claimed_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE run_outbox ADD COLUMN message_id TEXT NOT NULL DEFAULT '';    -- set before the first try, never changed
UPDATE run_outbox SET key = id;
CREATE UNIQUE INDEX run_outbox_key ON run_outbox (key);
CREATE INDEX run_outbox_next ON run_outbox (state, next_ms);
