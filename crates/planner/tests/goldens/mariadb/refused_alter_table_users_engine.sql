CREATE TABLE users (id int PRIMARY KEY);
-- change
ALTER TABLE users ENGINE=MyISAM;
