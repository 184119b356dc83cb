CREATE TABLE users (id int PRIMARY KEY);
-- change
CREATE DATABASE x;
