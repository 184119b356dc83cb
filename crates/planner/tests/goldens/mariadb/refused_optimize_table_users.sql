CREATE TABLE users (id int PRIMARY KEY);
-- change
OPTIMIZE TABLE users;
