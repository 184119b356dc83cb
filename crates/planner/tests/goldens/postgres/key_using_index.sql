CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, mail varchar(100));
INSERT INTO users (id, name, mail) VALUES (1, 'Ann', 'ann@example.org'), (2, 'Bob', NULL), (3, 'Cy', 'cy@example.org');
CREATE UNIQUE INDEX users_mail ON users (mail);
-- change
ALTER TABLE users ADD CONSTRAINT users_mail_key UNIQUE USING INDEX users_mail;
