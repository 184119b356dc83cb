CREATE TABLE users (id bigint PRIMARY KEY) DEFAULT CHARSET=utf8mb4;
INSERT INTO users VALUES (1);
-- change
CREATE TABLE drafts (id bigint PRIMARY KEY, name text) DEFAULT CHARSET=utf8mb4;
ALTER TABLE drafts DROP COLUMN name;
DROP TABLE drafts;
ALTER TABLE users ADD COLUMN nick int;
ALTER TABLE users DROP COLUMN nick;
