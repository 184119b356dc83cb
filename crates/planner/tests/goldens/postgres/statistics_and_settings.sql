CREATE TABLE users (id bigint PRIMARY KEY, name text, mail text);
CREATE INDEX users_name ON users (name);
CREATE STATISTICS users_of (dependencies) ON name, mail FROM users;
CREATE POLICY own ON users USING (id > 0);
-- change
DROP STATISTICS users_of;
ALTER POLICY own ON users RENAME TO mine;
-- lockstep: revert ALTER POLICY mine ON users USING (id > 0)
ALTER POLICY mine ON users USING (id > 5);
-- lockstep: revert ALTER INDEX users_name RESET (fillfactor)
ALTER INDEX users_name SET (fillfactor = 70);
-- lockstep: revert ALTER TABLE users REPLICA IDENTITY DEFAULT
ALTER TABLE users REPLICA IDENTITY FULL;
