CREATE TABLE events (name TEXT, at TEXT);
-- change
ALTER TABLE events RENAME TO happenings;
