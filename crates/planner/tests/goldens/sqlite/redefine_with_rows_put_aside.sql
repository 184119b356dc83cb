CREATE TABLE scenes (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL, url TEXT, studio INTEGER);
CREATE INDEX scenes_by_studio ON scenes (studio);
INSERT INTO scenes (id, title, url, studio) VALUES (1, 'One', 'a.example.org', 7), (2, 'Two', NULL, 7), (5, 'Five', 'b.example.org', NULL);
-- change
PRAGMA foreign_keys = OFF;
CREATE TABLE scene_urls (scene INTEGER NOT NULL, url TEXT NOT NULL, PRIMARY KEY (scene, url), FOREIGN KEY (scene) REFERENCES scenes (id));
CREATE TABLE scenes_new (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL, studio INTEGER);
INSERT INTO scenes_new (id, title, studio) SELECT id, title, studio FROM scenes;
INSERT INTO scene_urls (scene, url) SELECT id, url FROM scenes WHERE url IS NOT NULL;
DROP INDEX scenes_by_studio;
DROP TABLE scenes;
ALTER TABLE scenes_new RENAME TO scenes;
CREATE INDEX scenes_by_studio ON scenes (studio);
PRAGMA foreign_keys = ON;
