-- differs: rows after going back
-- The directive says what stands in the place of the values that were dropped.
CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, mail varchar(100));
INSERT INTO users (id, name, mail) VALUES (1, 'Ann', 'ann@example.org'), (2, 'Bob', NULL), (3, 'Cy', 'cy@example.org');
-- change
-- lockstep: backfill name = 'user ' || id
-- lockstep: revert ALTER TABLE users ADD COLUMN name text
ALTER TABLE users DROP COLUMN name;
