CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);
-- change
ALTER TABLE users RENAME COLUMN id TO user_id;
