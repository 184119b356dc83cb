CREATE TABLE users (id bigint PRIMARY KEY, boss bigint REFERENCES users (id), deputy bigint REFERENCES users (id) DEFERRABLE);
-- change
ALTER TABLE users ALTER CONSTRAINT users_boss_fkey DEFERRABLE INITIALLY DEFERRED, ALTER CONSTRAINT users_deputy_fkey NOT DEFERRABLE;
