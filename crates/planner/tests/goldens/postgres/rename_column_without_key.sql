CREATE TABLE notes (text text, place integer NOT NULL);
INSERT INTO notes SELECT nullif('note ' || n, 'note 3'), n FROM generate_series(1, 1000) n;
-- rows: public.notes 20000
-- change
ALTER TABLE notes RENAME COLUMN text TO body;
