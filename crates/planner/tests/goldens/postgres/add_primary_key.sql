CREATE TABLE codes (code text, region text NOT NULL);
INSERT INTO codes (code, region) VALUES ('a', 'x'), ('b', 'x');
-- change
ALTER TABLE codes ADD PRIMARY KEY (code, region);
