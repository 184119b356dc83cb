CREATE TABLE a (id INTEGER PRIMARY KEY);
-- change
PRAGMA user_version = 7;
