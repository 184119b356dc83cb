CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, mail varchar(100));
CREATE TABLE notes (id bigint PRIMARY KEY, text text);
CREATE SEQUENCE tickets;
INSERT INTO users (id, name, mail) VALUES (1, 'Ann', 'ann@example.org'), (2, 'Bob', NULL);
GRANT SELECT ON users TO pg_monitor;
GRANT SELECT (name), UPDATE (name), UPDATE (mail) ON users TO pg_monitor;
GRANT SELECT (id) ON users TO pg_read_all_stats WITH GRANT OPTION;
GRANT INSERT ON users TO PUBLIC;
GRANT UPDATE ON notes TO pg_monitor WITH GRANT OPTION;
GRANT USAGE ON SEQUENCE tickets TO PUBLIC;
-- change
GRANT SELECT, INSERT ON users, notes TO pg_monitor, PUBLIC, pg_read_all_stats;
GRANT UPDATE (name), UPDATE ON users TO pg_monitor WITH GRANT OPTION;
GRANT SELECT ON users TO pg_monitor WITH GRANT OPTION;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO PUBLIC;
GRANT USAGE ON SCHEMA public TO pg_monitor;
GRANT SELECT ON users TO pg_monitor;
