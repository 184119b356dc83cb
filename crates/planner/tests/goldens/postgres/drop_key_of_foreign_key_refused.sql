CREATE TABLE users (id bigint PRIMARY KEY, mail text);
CREATE TABLE notes (id bigint REFERENCES users (id));
-- change
ALTER TABLE users DROP CONSTRAINT users_pkey;
