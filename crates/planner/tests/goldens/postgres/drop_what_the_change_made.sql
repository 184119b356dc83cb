CREATE TABLE users (id bigint PRIMARY KEY);
INSERT INTO users VALUES (1);
-- change
CREATE TABLE drafts (id bigint PRIMARY KEY);
DROP TABLE drafts;
CREATE SEQUENCE numbers;
DROP SEQUENCE numbers;
ALTER TABLE users ADD COLUMN nick text;
ALTER TABLE users DROP COLUMN nick;
