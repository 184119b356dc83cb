CREATE TABLE users (id bigint PRIMARY KEY, name text);
-- change
ALTER TABLE users ADD CONSTRAINT named NOT NULL name;
