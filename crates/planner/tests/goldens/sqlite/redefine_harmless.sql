CREATE TABLE teams (id INTEGER PRIMARY KEY);
CREATE TABLE users (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, name VARCHAR(10) NOT NULL UNIQUE, team_id BIGINT NULL REFERENCES teams (id) DEFERRABLE INITIALLY DEFERRED);
CREATE INDEX users_by_team ON users (team_id);
CREATE TABLE posts (id INTEGER PRIMARY KEY, author INTEGER REFERENCES users (id));
INSERT INTO users (id, name) VALUES (1, 'A'), (2, 'B'), (9, 'C');
INSERT INTO posts (id, author) VALUES (1, 9);
-- change
PRAGMA foreign_keys = OFF;
CREATE TABLE "new__users" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "team_id" bigint NULL REFERENCES "teams" ("id") DEFERRABLE INITIALLY DEFERRED, "name" varchar(10) NOT NULL UNIQUE, "boss" integer REFERENCES "new__users" ("id"), "made" text DEFAULT CURRENT_TIMESTAMP CHECK (boss <> id));
INSERT INTO "new__users" ("id", "team_id", "name", "made") SELECT "id", "team_id", "name", 'then' FROM "users";
DROP TABLE "users";
ALTER TABLE "new__users" RENAME TO "users";
CREATE INDEX users_by_team ON users (team_id);
CREATE TRIGGER stamp AFTER INSERT ON users BEGIN UPDATE users SET made = 'now' WHERE id = NEW.id; END;
PRAGMA foreign_keys = ON;
