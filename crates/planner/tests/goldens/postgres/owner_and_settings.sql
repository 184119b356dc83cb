CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, mail varchar(100));
INSERT INTO users (id, name, mail) VALUES (1, 'Ann', 'ann@example.org'), (2, 'Bob', NULL), (3, 'Cy', 'cy@example.org');
-- change
-- lockstep: revert ALTER TABLE users OWNER TO CURRENT_USER
ALTER TABLE users OWNER TO pg_monitor;
-- lockstep: revert ALTER TABLE users RESET (fillfactor)
ALTER TABLE users SET (fillfactor = 70);
-- lockstep: revert ALTER TABLE users ALTER COLUMN name SET STATISTICS -1
ALTER TABLE users ALTER COLUMN name SET STATISTICS 500;
