CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO users VALUES (1, 'Ann');
CREATE RULE told AS ON DELETE TO users DO ALSO NOTIFY gone;
-- change
DROP RULE told ON users;
CREATE TABLE notes (id bigint PRIMARY KEY);
CREATE RULE kept AS ON DELETE TO notes DO ALSO NOTIFY gone;
