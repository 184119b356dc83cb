CREATE TABLE users (id int PRIMARY KEY);
-- change
CREATE TABLE members (id int PRIMARY KEY, team_id int, FOREIGN KEY (team_id) REFERENCES teams (id)) ENGINE=MyISAM;
