CREATE TABLE prices (id INTEGER PRIMARY KEY, amount REAL);
-- change
CREATE TABLE new_prices (uid TEXT PRIMARY KEY, amount REAL);
INSERT INTO new_prices (uid, amount) SELECT 'p' || id, amount FROM prices;
DROP TABLE prices;
ALTER TABLE new_prices RENAME TO prices;
