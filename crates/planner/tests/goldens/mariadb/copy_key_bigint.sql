CREATE TABLE users (id int NOT NULL AUTO_INCREMENT, name varchar(50) NOT NULL, mail varchar(100) DEFAULT NULL, seen timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(), length int GENERATED ALWAYS AS (char_length(name)) VIRTUAL, PRIMARY KEY (id), UNIQUE KEY mail_once (mail), KEY by_name (name)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci COMMENT='people';
INSERT INTO users (id, name, mail, seen) VALUES (1, 'Ann', 'a@example.org', '2020-01-01 00:00:00'), (2, 'Bob', NULL, '2020-01-02 00:00:00'), (7, 'Cy', 'c@example.org', '2020-01-03 00:00:00');
-- change
ALTER TABLE users MODIFY id bigint NOT NULL AUTO_INCREMENT;
