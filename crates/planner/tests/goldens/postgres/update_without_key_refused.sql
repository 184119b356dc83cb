CREATE TABLE notes (text text);
INSERT INTO notes VALUES ('a'), ('b');
-- rows: public.notes 20000
-- change
UPDATE notes SET text = upper(text);
