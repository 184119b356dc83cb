CREATE TABLE notes (text text);
-- rows: public.notes 0
-- change
ALTER TABLE notes ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid();
ALTER TABLE notes ADD COLUMN number bigserial;
ALTER TABLE notes ADD COLUMN position integer GENERATED ALWAYS AS IDENTITY;
