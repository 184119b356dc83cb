CREATE TABLE events (id bigint NOT NULL, at date NOT NULL, kind text) PARTITION BY RANGE (at);
CREATE TABLE events_2020 PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE INDEX events_by_kind ON events (kind);
INSERT INTO events (id, at, kind) VALUES (1, '2020-05-05', 'a');
-- change
REINDEX INDEX events_by_kind;
DROP INDEX events_by_kind;
