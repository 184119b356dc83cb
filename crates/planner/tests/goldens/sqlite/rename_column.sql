CREATE TABLE teams (id INTEGER PRIMARY KEY);
CREATE TABLE "Users" (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT COLLATE NOCASE NOT NULL CHECK (length(name) > 0) UNIQUE,
  team_id INTEGER REFERENCES teams (id) DEFERRABLE INITIALLY DEFERRED,
  shout TEXT GENERATED ALWAYS AS (upper(name) || '!') VIRTUAL,
  boss INTEGER REFERENCES "Users" (id) ON DELETE SET NULL
);
CREATE INDEX users_by_name ON "Users" (name, id DESC) WHERE name <> '';
CREATE TABLE posts (id INTEGER PRIMARY KEY, author INTEGER REFERENCES "Users" (id));
INSERT INTO teams (id) VALUES (1);
INSERT INTO "Users" (id, name, team_id) VALUES (1, 'A', 1), (2, 'B', NULL), (9, 'C', 1);
INSERT INTO posts (id, author) VALUES (1, 9);
-- change
ALTER TABLE users RENAME COLUMN name TO "full; name";
