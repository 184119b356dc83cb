CREATE TABLE users (id bigint PRIMARY KEY, name text);
CREATE TABLE notes (id bigint PRIMARY KEY, text text);
-- change
ANALYZE users;
ANALYZE VERBOSE users (name), notes;
