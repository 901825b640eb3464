-- From where on entries stand in the order of time: those of earlier versions were stamped with the machine's clock as it
-- was, and may go back. And what tells this home's keys from any others ('' until the home is opened next).
ALTER TABLE ledger_head ADD COLUMN ordered_from BIGINT NOT NULL DEFAULT 0;
ALTER TABLE ledger_head ADD COLUMN key_check TEXT NOT NULL DEFAULT '';
UPDATE ledger_head SET ordered_from = size;
