CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL);
CREATE VIEW people AS SELECT id, name FROM users;
-- change
ALTER VIEW people RENAME COLUMN name TO called;
