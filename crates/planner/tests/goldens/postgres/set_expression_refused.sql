CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, size integer GENERATED ALWAYS AS (length(name)) STORED);
-- change
ALTER TABLE users ALTER COLUMN size SET EXPRESSION AS (length(name) + 1);
