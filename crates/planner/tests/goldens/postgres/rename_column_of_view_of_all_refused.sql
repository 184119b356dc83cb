CREATE TABLE users (id bigint PRIMARY KEY, name text);
CREATE VIEW everyone AS SELECT * FROM users;
-- change
ALTER TABLE users RENAME COLUMN name TO nick;
