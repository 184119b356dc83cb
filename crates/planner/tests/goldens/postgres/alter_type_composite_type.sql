CREATE TYPE place AS (x integer, y integer);
CREATE SCHEMA other;
CREATE TABLE users (id bigint PRIMARY KEY, at place);
INSERT INTO users (id, at) VALUES (1, ROW(1, 2));
-- change
ALTER TYPE place ADD ATTRIBUTE z integer;
ALTER TYPE place RENAME ATTRIBUTE x TO w;
