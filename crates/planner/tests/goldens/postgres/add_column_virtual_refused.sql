CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL);
-- change
ALTER TABLE users ADD COLUMN shouted text GENERATED ALWAYS AS (upper(name));
