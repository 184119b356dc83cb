CREATE TABLE teams (id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(80) NOT NULL DEFAULT 'none' COLLATE NOCASE);
INSERT INTO teams (id, name) VALUES (1, 'a'), (2, 'b');
-- change
-- A new table with all that belongs to it is harmless.
CREATE TABLE IF NOT EXISTS "order lines" (
  id INTEGER PRIMARY KEY,
  team_id BIGINT UNSIGNED NOT NULL REFERENCES teams (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
  "amount; cents" INT CHECK ("amount; cents" >= 0),
  UNIQUE (team_id, id)
);
CREATE INDEX IF NOT EXISTS lines_by_team ON "order lines" (team_id DESC);
INSERT INTO "order lines" (team_id, "amount; cents") SELECT id, 0 FROM teams;
UPDATE "order lines" SET "amount; cents" = 7;
CREATE TABLE IF NOT EXISTS teams (id INTEGER);
