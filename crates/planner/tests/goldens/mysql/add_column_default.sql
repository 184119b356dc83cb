CREATE TABLE users (id bigint unsigned NOT NULL AUTO_INCREMENT, name varchar(50) NOT NULL, age int, mail varchar(100) NOT NULL DEFAULT 'none', seen timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(), PRIMARY KEY (id), KEY by_mail (mail, age)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO users (id, name, age, mail, seen) VALUES (1, 'Ann', 30, 'a@example.org', '2020-01-01 00:00:00'), (2, 'Bob', NULL, 'b@example.org', '2020-01-01 00:00:00'), (3, 'Cy', 5, 'none', '2020-01-01 00:00:00');
-- change
ALTER TABLE users ADD COLUMN `state` enum('new','old') NOT NULL DEFAULT 'new' COMMENT 'state', ADD made datetime NOT NULL DEFAULT '2020-01-01 00:00:00';
