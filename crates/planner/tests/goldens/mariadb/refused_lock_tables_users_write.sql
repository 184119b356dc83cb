CREATE TABLE users (id int PRIMARY KEY);
-- change
LOCK TABLES users WRITE;
