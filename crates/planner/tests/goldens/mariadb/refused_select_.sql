CREATE TABLE users (id int PRIMARY KEY);
-- change
SELECT 1;
