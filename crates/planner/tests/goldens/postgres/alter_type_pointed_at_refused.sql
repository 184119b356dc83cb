CREATE TABLE users (id integer PRIMARY KEY, name text NOT NULL);
CREATE TABLE notes (id bigint PRIMARY KEY, user_id integer REFERENCES users (id));
-- change
ALTER TABLE users ALTER COLUMN id TYPE text;
