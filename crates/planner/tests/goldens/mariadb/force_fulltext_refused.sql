CREATE TABLE pages (id int PRIMARY KEY, body text, FULLTEXT KEY words (body));
-- change
ALTER TABLE pages FORCE;
