CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, changed TEXT);
CREATE VIEW old_names AS SELECT id, name || '!' AS shout FROM users WHERE id <> 0;
CREATE TRIGGER old_names_insert INSTEAD OF INSERT ON old_names BEGIN INSERT INTO users (name) VALUES (NEW.shout); END;
CREATE TRIGGER stamp AFTER INSERT ON users BEGIN UPDATE users SET changed = 'x' WHERE id = NEW.id; END;
INSERT INTO users (id, name) VALUES (1, 'A');
-- change
CREATE VIEW names (id, n) AS SELECT id, name FROM users;
CREATE TRIGGER IF NOT EXISTS touch AFTER UPDATE OF name ON users WHEN NEW.name IS NOT OLD.name
BEGIN
  UPDATE users SET changed = CASE WHEN NEW.name IS NULL THEN 'gone' ELSE 'now' END WHERE id = NEW.id;
END;
DROP VIEW old_names;
DROP TRIGGER stamp;
