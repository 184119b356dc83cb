CREATE TABLE orders (id int PRIMARY KEY, amount bigint NOT NULL, code varchar(200)) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO orders (id, amount, code) VALUES (1, 5, 'a'), (2, 6, NULL);
-- change
ALTER TABLE orders MODIFY amount int NOT NULL, CHANGE code code varchar(10) NULL;
