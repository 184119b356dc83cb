CREATE TABLE users (id bigint PRIMARY KEY, name varchar(100) NOT NULL) DEFAULT CHARSET=utf8mb4;
INSERT INTO users (id, name) VALUES (1, 'Ann'), (2, 'Bob');
-- change
CREATE TABLE drafts (id bigint PRIMARY KEY, author bigint, text varchar(100), FOREIGN KEY (author) REFERENCES users (id)) DEFAULT CHARSET=utf8mb4;
CREATE INDEX drafts_text ON drafts (text);
INSERT INTO drafts (id, author, text) VALUES (1, NULL, 'first'), (2, NULL, 'second');
ALTER TABLE drafts ADD COLUMN length int NOT NULL DEFAULT 0;
CREATE TABLE pages (id bigint PRIMARY KEY, draft bigint, FOREIGN KEY (draft) REFERENCES drafts (id)) DEFAULT CHARSET=utf8mb4;
DROP TABLE pages;
DROP TABLE drafts;
CREATE TABLE drafts (id bigint PRIMARY KEY) DEFAULT CHARSET=utf8mb4;
