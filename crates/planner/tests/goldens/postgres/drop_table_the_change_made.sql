CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO users (id, name) VALUES (1, 'Ann'), (2, 'Bob');
-- change
CREATE TABLE drafts (id bigserial PRIMARY KEY, author bigint REFERENCES users (id), text text);
CREATE INDEX drafts_text ON drafts (text);
INSERT INTO drafts (author, text) VALUES (NULL, 'first'), (NULL, 'second');
ALTER TABLE drafts ADD COLUMN length integer NOT NULL DEFAULT 0;
GRANT SELECT ON drafts TO pg_monitor;
CREATE TABLE pages (id bigint PRIMARY KEY, draft bigint REFERENCES drafts (id));
DROP TABLE pages;
DROP TABLE drafts;
CREATE TABLE drafts (id bigint PRIMARY KEY);
