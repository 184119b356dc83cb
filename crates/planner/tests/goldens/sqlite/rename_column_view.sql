CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);
CREATE VIEW names AS SELECT name FROM users;
-- change
ALTER TABLE users RENAME COLUMN name TO full_name;
