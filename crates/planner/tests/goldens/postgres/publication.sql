CREATE TABLE users (id bigint PRIMARY KEY);
CREATE TABLE orders (id bigint PRIMARY KEY);
-- change
CREATE PUBLICATION everything FOR TABLE users WITH (publish = 'insert');
ALTER PUBLICATION everything ADD TABLE orders;
