CREATE TABLE teams (id bigint PRIMARY KEY, name text NOT NULL, lead text);
CREATE TABLE users (id bigint PRIMARY KEY, team bigint, name text NOT NULL, size integer DEFAULT 3);
INSERT INTO teams VALUES (1, 'red', 'Ann'), (2, 'blue', NULL);
INSERT INTO users VALUES (1, 1, 'Ann', 1), (2, 2, 'Bob', 2), (3, NULL, 'Cy', 3);
-- change
ALTER TABLE users ADD COLUMN label text;
UPDATE users SET label = name;
ALTER TABLE users ALTER COLUMN label SET NOT NULL;
