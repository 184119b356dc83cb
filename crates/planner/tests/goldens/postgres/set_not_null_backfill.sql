CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, mail varchar(100));
INSERT INTO users (id, name, mail) VALUES (1, 'Ann', 'ann@example.org'), (2, 'Bob', NULL), (3, 'Cy', 'cy@example.org');
-- change
-- lockstep: revert UPDATE users SET mail = NULL WHERE id = 2
-- lockstep: backfill mail = name || '@example.org'
ALTER TABLE users ALTER COLUMN mail SET NOT NULL;
-- plain
UPDATE users SET mail = name || '@example.org' WHERE mail IS NULL;
ALTER TABLE users ALTER COLUMN mail SET NOT NULL;
