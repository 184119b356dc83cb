CREATE TABLE users (id serial PRIMARY KEY, name text NOT NULL, boss integer REFERENCES users (id) ON DELETE SET NULL);
CREATE TABLE notes (id bigint PRIMARY KEY, user_id integer NOT NULL REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE, body text);
CREATE TABLE marks (id bigint PRIMARY KEY, user_id integer);
ALTER TABLE marks ADD CONSTRAINT marks_user FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID;
CREATE INDEX users_by_name ON users (name, id);
INSERT INTO users (name, boss) VALUES ('Ann', NULL), ('Bob', 1), ('Cy', 2);
INSERT INTO notes (id, user_id, body) VALUES (1, 1, 'a'), (2, 3, 'b');
-- change
ALTER TABLE users ALTER COLUMN id TYPE bigint;
