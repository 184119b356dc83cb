CREATE TABLE users (id bigint PRIMARY KEY, points integer);
CREATE MATERIALIZED VIEW best AS SELECT id, points FROM users;
-- change
ALTER TABLE users ALTER COLUMN points TYPE text;
