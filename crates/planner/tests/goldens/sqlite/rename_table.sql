CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT COLLATE NOCASE NOT NULL, mood TEXT NOT NULL DEFAULT 'calm', boss INTEGER REFERENCES users (id));
CREATE UNIQUE INDEX users_by_name ON users (name);
CREATE TABLE posts (id INTEGER PRIMARY KEY, author INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE);
CREATE VIEW authors AS SELECT users.name FROM users JOIN posts ON posts.author = users.id;
CREATE TRIGGER angry AFTER INSERT ON users WHEN NEW.mood <> 'calm' BEGIN UPDATE users SET mood = 'angry' WHERE id = NEW.id; END;
INSERT INTO users (id, name, boss) VALUES (1, 'A', NULL), (2, 'B', 1), (9, 'C', 2);
INSERT INTO posts (id, author) VALUES (1, 9);
-- change
ALTER TABLE users RENAME TO "people; all";
