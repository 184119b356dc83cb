CREATE TABLE users (id bigint PRIMARY KEY, mail text NOT NULL UNIQUE, boss text REFERENCES users (mail));
CREATE TABLE notes (id bigint PRIMARY KEY, sender text REFERENCES users (mail) ON UPDATE CASCADE, reader text REFERENCES users (mail));
INSERT INTO users (id, mail, boss) VALUES (1, 'ann@example.org', NULL), (2, 'bob@example.org', 'ann@example.org');
INSERT INTO notes (id, sender, reader) VALUES (1, 'ann@example.org', 'bob@example.org'), (2, NULL, 'ann@example.org');
-- change
ALTER TABLE users RENAME COLUMN mail TO email;
