CREATE TABLE users (id bigint PRIMARY KEY);
-- change
-- Nothing but words.
