CREATE TABLE users (id bigint PRIMARY KEY);
-- change
DROP FOREIGN DATA WRAPPER nothing;
