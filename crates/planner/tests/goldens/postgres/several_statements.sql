CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, mail varchar(100));
INSERT INTO users (id, name, mail) VALUES (1, 'Ann', 'ann@example.org'), (2, 'Bob', NULL), (3, 'Cy', 'cy@example.org');
CREATE TABLE orders (id int PRIMARY KEY);
-- change
ALTER TABLE users ADD COLUMN age int;
ALTER TABLE users ADD CONSTRAINT users_age CHECK (age > 0);
CREATE INDEX users_by_age ON users (age);
DROP TABLE orders;
CREATE TABLE notes (id bigint PRIMARY KEY, user_id bigint REFERENCES users);
ALTER TABLE notes RENAME COLUMN user_id TO author_id;
ALTER TABLE notes RENAME TO remarks;
