CREATE TABLE orders (id int PRIMARY KEY, amount int NOT NULL DEFAULT 0, code varchar(20) COLLATE utf8mb4_bin, note varchar(255), changed datetime DEFAULT current_timestamp() ON UPDATE current_timestamp(), KEY by_amount (amount, code), UNIQUE KEY code_once (code)) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO orders (id, amount, code, note, changed) VALUES (1, 5, 'a', NULL, '2020-01-01 00:00:00'), (2, 7, NULL, 'x', '2020-01-01 00:00:00');
-- change
ALTER TABLE orders MODIFY amount bigint NOT NULL DEFAULT 0, MODIFY note text COMMENT 'free';
