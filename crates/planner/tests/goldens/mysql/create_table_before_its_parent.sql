CREATE TABLE users (id int PRIMARY KEY);
-- change
SET foreign_key_checks = 0;
CREATE TABLE members (
  id int PRIMARY KEY,
  user_id int,
  team_id int NOT NULL,
  KEY (team_id),
  FOREIGN KEY (user_id) REFERENCES users (id),
  CONSTRAINT of_team FOREIGN KEY (team_id) REFERENCES teams (id) ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS `teams` (id int PRIMARY KEY, name varchar(20) NOT NULL);
INSERT INTO teams VALUES (1, 'all');
INSERT INTO members VALUES (1, NULL, 1);
-- plain
CREATE TABLE teams (id int PRIMARY KEY, name varchar(20) NOT NULL);
CREATE TABLE members (
  id int PRIMARY KEY,
  user_id int,
  team_id int NOT NULL,
  KEY (team_id),
  FOREIGN KEY (user_id) REFERENCES users (id),
  CONSTRAINT of_team FOREIGN KEY (team_id) REFERENCES teams (id) ON DELETE CASCADE
);
INSERT INTO teams VALUES (1, 'all');
INSERT INTO members VALUES (1, NULL, 1);
