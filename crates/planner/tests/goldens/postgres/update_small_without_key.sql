CREATE TABLE notes (text text);
INSERT INTO notes VALUES ('a'), ('b');
-- rows: public.notes 2
-- change
-- lockstep: irreversible
UPDATE notes SET text = upper(text);
DELETE FROM notes WHERE text = 'B';
