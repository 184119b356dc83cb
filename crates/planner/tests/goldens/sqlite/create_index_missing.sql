CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);
-- change
CREATE INDEX by_name ON people (name);
