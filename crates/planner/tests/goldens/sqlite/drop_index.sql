CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, "order" TEXT);
CREATE INDEX by_email ON users (email || '@', "order") WHERE id <> 0;
CREATE UNIQUE INDEX email_once ON users (email);
INSERT INTO users (id, email) VALUES (1, 'a'), (2, 'b');
-- change
DROP INDEX by_email;
DROP INDEX IF EXISTS no_such;
DROP INDEX EMAIL_ONCE;
