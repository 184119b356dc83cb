CREATE TABLE users (id int PRIMARY KEY, name varchar(20), UNIQUE KEY (name)) DEFAULT CHARSET=latin1;
-- change
ALTER TABLE users CONVERT TO CHARACTER SET utf8mb4;
