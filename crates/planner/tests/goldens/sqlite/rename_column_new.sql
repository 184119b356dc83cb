CREATE TABLE teams (id INTEGER PRIMARY KEY);
-- change
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);
ALTER TABLE users RENAME COLUMN name TO full_name;
CREATE INDEX by_full_name ON users (full_name);
