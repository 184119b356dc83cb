CREATE TABLE teams (id int PRIMARY KEY);
-- change
CREATE TABLE IF NOT EXISTS `users` (
  `id` int(11) unsigned NOT NULL AUTO_INCREMENT COMMENT 'the "key"; really',
  `team_id` int, -- of the team
  `mail` varchar(255) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin NOT NULL DEFAULT '',
  `data` json DEFAULT NULL,
  `state` ENUM('a', 'b') NOT NULL DEFAULT 'a',
  `made` timestamp NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  `is_on` tinyint(1) NOT NULL DEFAULT '1',
  `price` decimal(8,2) DEFAULT 0.00,
  PRIMARY KEY (`id`),
  UNIQUE KEY `mail_once` (`mail`),
  KEY (`team_id`, `state`),
  FULLTEXT KEY words (mail),
  CONSTRAINT `of_team` FOREIGN KEY (`team_id`) REFERENCES `teams` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB AUTO_INCREMENT=5 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='people';
CREATE TABLE copies LIKE users;
ALTER TABLE `users` ADD COLUMN `x` int NOT NULL AFTER `mail`, ADD INDEX (`x`), DROP COLUMN `price`, CHANGE `data` `info` text, MODIFY `state` varchar(10) NOT NULL DEFAULT 'a';
ALTER TABLE users RENAME TO people, ADD UNIQUE (x);
INSERT INTO people (mail, x, made) VALUES ('it\'s; "x"', 1, NULL), ('b', 5, NULL);
UPDATE people SET x = x + 1, made = NULL;
