CREATE TABLE users (id int PRIMARY KEY);
-- change
CREATE TABLE other.users (id int);
