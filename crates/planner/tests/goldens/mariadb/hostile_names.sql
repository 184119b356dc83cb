CREATE TABLE `a``b; c"'d` (`order` int PRIMARY KEY, `ü ``x``` varchar(20) NOT NULL DEFAULT 'it''s', `a.b` int, KEY `k``; --` (`a.b`)) DEFAULT CHARSET=utf8mb4;
INSERT INTO `a``b; c"'d` VALUES (1, 'x', 2);
-- change
ALTER TABLE `a``b; c"'d` CHANGE `ü ``x``` `select` varchar(20) NOT NULL DEFAULT 'it''s', MODIFY `a.b` bigint, ADD `-- #` int NOT NULL;
