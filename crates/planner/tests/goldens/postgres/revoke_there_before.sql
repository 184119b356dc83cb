CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, mail varchar(100));
CREATE FUNCTION twice(number integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT number * 2';
CREATE TYPE mood AS ENUM ('happy', 'sad');
INSERT INTO users (id, name, mail) VALUES (1, 'Ann', 'ann@example.org'), (2, 'Bob', NULL);
GRANT SELECT ON users TO pg_monitor WITH GRANT OPTION;
GRANT SELECT (name), UPDATE (mail) ON users TO pg_monitor;
GRANT SELECT (name) ON users TO PUBLIC;
GRANT INSERT ON users TO PUBLIC;
-- change
REVOKE GRANT OPTION FOR SELECT ON users FROM pg_monitor;
REVOKE SELECT, DELETE ON users FROM pg_monitor, PUBLIC;
REVOKE ALL ON FUNCTION twice(integer) FROM PUBLIC;
REVOKE USAGE ON TYPE mood FROM PUBLIC;
