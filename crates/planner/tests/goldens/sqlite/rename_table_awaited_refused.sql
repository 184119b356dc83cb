CREATE TABLE new_users (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE orders (id INTEGER PRIMARY KEY, buyer INTEGER REFERENCES users (id));
-- change
ALTER TABLE new_users RENAME TO users;
