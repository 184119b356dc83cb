CREATE TABLE users (id int PRIMARY KEY);
-- change
TRUNCATE TABLE users;
