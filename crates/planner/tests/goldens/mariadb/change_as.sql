CREATE TABLE orders (id int PRIMARY KEY, amount decimal(10,2)) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO orders (id, amount) VALUES (1, 5.25), (2, NULL), (3, 0), (4, 99.99), (5, 1.25);
-- change
-- lockstep: as amount_cents using amount * 100 back amount_cents / 100
ALTER TABLE orders MODIFY amount bigint;
-- plain
ALTER TABLE orders CHANGE amount amount_cents decimal(20,2);
UPDATE orders SET amount_cents = amount_cents * 100;
ALTER TABLE orders MODIFY amount_cents bigint;
