CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, mail varchar(100));
INSERT INTO users (id, name, mail) VALUES (1, 'Ann', 'ann@example.org'), (2, 'Bob', NULL), (3, 'Cy', 'cy@example.org');
CREATE INDEX users_mail ON users (mail);
-- change
CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql IMMUTABLE COST 10 AS $$ SELECT n * 2 $$;
COMMENT ON FUNCTION twice(integer) IS 'two times';
CREATE SEQUENCE numbers AS integer START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1;
CREATE EXTENSION IF NOT EXISTS pgcrypto SCHEMA public;
ALTER INDEX IF EXISTS nobody RENAME TO somebody;
ALTER INDEX IF EXISTS users_mail RENAME TO users_by_mail;
COMMENT ON CONSTRAINT users_pkey ON users IS 'key';
