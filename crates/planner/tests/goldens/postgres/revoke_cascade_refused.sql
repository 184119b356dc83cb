CREATE TABLE users (id bigint PRIMARY KEY);
-- change
REVOKE SELECT ON users FROM pg_monitor CASCADE;
