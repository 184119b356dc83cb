CREATE TABLE prices (id INTEGER PRIMARY KEY, amount REAL, note TEXT);
INSERT INTO prices (id, amount, note) VALUES (1, 1.5, 'a'), (2, 2.25, NULL);
-- change
ALTER TABLE prices RENAME TO prices_old;
CREATE TABLE prices (id INTEGER PRIMARY KEY, cents INTEGER NOT NULL DEFAULT 0, note TEXT NOT NULL, CHECK (cents >= 0));
INSERT INTO prices SELECT id, CAST(coalesce(amount, 0) * 100 AS INTEGER) AS cents, coalesce(note, '') FROM prices_old;
DROP TABLE prices_old;
