CREATE TABLE users (id bigint PRIMARY KEY, mail text);
CREATE UNIQUE INDEX users_mail ON users (mail);
CREATE TABLE notes (mail text REFERENCES users (mail));
-- change
DROP INDEX users_mail;
