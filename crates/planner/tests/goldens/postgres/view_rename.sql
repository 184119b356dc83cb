CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO users VALUES (1, 'Ann');
CREATE VIEW people AS SELECT id, name FROM users;
-- change
ALTER VIEW people RENAME TO folk;
