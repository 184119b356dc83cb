CREATE TABLE users (id bigint PRIMARY KEY, mail text, CONSTRAINT users_mail_key UNIQUE (mail));
INSERT INTO users (id, mail) VALUES (1, 'ann@example.org'), (2, NULL);
-- change
ALTER INDEX users_mail_key RENAME TO users_email_key;
ALTER TABLE users RENAME COLUMN mail TO email;
