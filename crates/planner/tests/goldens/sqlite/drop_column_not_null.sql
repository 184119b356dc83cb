CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, "born on" DATE NOT NULL);
INSERT INTO users (id, name, "born on") VALUES (1, 'A', '2000-01-01'), (2, 'B', '2000-01-02');
-- change
-- lockstep: backfill "born on" = '1970-01-01'
ALTER TABLE users DROP COLUMN "born on";
ALTER TABLE users DROP COLUMN name;
