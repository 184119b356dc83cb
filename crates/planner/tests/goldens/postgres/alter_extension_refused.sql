CREATE TABLE users (id bigint PRIMARY KEY);
-- change
ALTER EXTENSION plpgsql UPDATE TO '1.0';
