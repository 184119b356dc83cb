CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);
INSERT INTO users (id, email) VALUES (1, 'a@example.org'), (2, 'b@example.org'), (3, NULL), (4, NULL);
-- change
CREATE INDEX users_by_email ON users (lower(email)) WHERE email IS NOT NULL;
CREATE UNIQUE INDEX "users's email" ON users (email COLLATE NOCASE DESC, (id + 0)) WHERE id <> 0;
