CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL);
CREATE VIEW people AS SELECT id, name FROM users;
-- change
-- lockstep: revert ALTER VIEW people OWNER TO CURRENT_USER
ALTER VIEW people OWNER TO CURRENT_USER;
