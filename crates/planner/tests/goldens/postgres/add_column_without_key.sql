CREATE TABLE notes (text text);
INSERT INTO notes SELECT 'note ' || n FROM generate_series(1, 1000) n;
-- rows: public.notes 20000
-- change
ALTER TABLE notes ADD COLUMN number bigserial;
