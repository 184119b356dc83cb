CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE UNIQUE INDEX users_by_name ON users (name);
CREATE TABLE posts (id INTEGER PRIMARY KEY, author TEXT REFERENCES users (name) ON UPDATE CASCADE);
CREATE TRIGGER posts_author AFTER INSERT ON posts WHEN NEW.author = '' BEGIN UPDATE users SET name = 'nobody' WHERE name = ''; END;
INSERT INTO users (id, name) VALUES (1, 'A'), (2, 'B');
INSERT INTO posts (id, author) VALUES (1, 'A');
-- change
ALTER TABLE users RENAME COLUMN name TO full_name;
