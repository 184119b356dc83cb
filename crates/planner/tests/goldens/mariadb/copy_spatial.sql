CREATE TABLE shops (id int PRIMARY KEY, name varchar(50), place point NOT NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO shops (id, name, place) VALUES (1, 'first', POINT(1, 2)), (2, 'second', POINT(3.5, -4));
-- change
ALTER TABLE shops ADD SPATIAL INDEX by_place (place);
