CREATE TABLE events (id bigint NOT NULL, at date NOT NULL, kind text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE events_2020 PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
INSERT INTO events (id, at, kind) VALUES (1, '2020-05-05', 'a'), (2, '2020-06-06', 'b');
-- change
CREATE INDEX events_by_kind ON ONLY events (kind);
CREATE INDEX events_2020_by_kind ON events_2020 (kind);
-- lockstep: irreversible
ALTER INDEX events_by_kind ATTACH PARTITION events_2020_by_kind;
