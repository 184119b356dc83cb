CREATE TABLE orders (id int PRIMARY KEY, amount int, code varchar(20), note varchar(20)) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO orders (id, amount, code) VALUES (1, 5, 'a'), (2, NULL, NULL);
-- change
ALTER TABLE orders MODIFY amount bigint;
ALTER TABLE orders MODIFY code varchar(200);
