CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, mail varchar(100) NOT NULL DEFAULT 'none' CHECK (length(mail) > 1), age int);
ALTER TABLE users ADD CONSTRAINT users_mail_once UNIQUE (mail, age);
CREATE INDEX users_by_mail ON users (lower(mail)) WHERE mail IS NOT NULL;
INSERT INTO users (id, name, mail) VALUES (1, 'Ann', 'ann@example.org'), (2, 'Bob', 'x1'), (3, 'Cy', 'cy@example.org');
-- change
ALTER TABLE users RENAME COLUMN mail TO email;
