CREATE TABLE events (id bigint NOT NULL, at date NOT NULL, kind text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE events_2020 PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE INDEX events_by_kind ON ONLY events (kind);
CREATE INDEX events_2020_by_kind ON events_2020 (kind);
-- change
ALTER INDEX events_by_kind ATTACH PARTITION events_2020_by_kind;
