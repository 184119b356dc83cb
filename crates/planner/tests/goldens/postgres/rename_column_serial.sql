CREATE TABLE users (id bigint PRIMARY KEY, number serial, nick text COLLATE "C");
INSERT INTO users (id, nick) VALUES (1, 'a'), (2, 'b'), (3, NULL);
-- change
ALTER TABLE users RENAME COLUMN number TO place;
ALTER TABLE users RENAME COLUMN nick TO short;
