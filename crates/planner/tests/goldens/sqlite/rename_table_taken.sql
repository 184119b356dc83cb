CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);
CREATE VIEW people AS SELECT name FROM users;
-- change
ALTER TABLE users RENAME TO people;
