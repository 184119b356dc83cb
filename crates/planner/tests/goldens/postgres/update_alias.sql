CREATE TABLE teams (id bigint PRIMARY KEY, name text NOT NULL, lead text);
CREATE TABLE users (id bigint PRIMARY KEY, team bigint REFERENCES teams (id), name text NOT NULL, size integer DEFAULT 3);
INSERT INTO teams VALUES (1, 'red', 'Ann'), (2, 'blue', NULL);
INSERT INTO users VALUES (1, 1, 'Ann', 1), (2, 2, 'Bob', 2), (3, NULL, 'Cy', 3);
-- change
-- lockstep: irreversible
UPDATE users u SET name = (SELECT t.name FROM teams t WHERE t.id = u.team) WHERE u.team IS NOT NULL;
-- lockstep: irreversible
UPDATE users u SET size = size + u.id;
