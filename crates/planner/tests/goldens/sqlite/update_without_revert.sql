CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);
-- change
UPDATE users SET name = 'x';
