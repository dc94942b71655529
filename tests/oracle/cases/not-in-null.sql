-- a NULL on the right of NOT IN reached one worker only
-- workers 4
CREATE TABLE t0 (k integer PRIMARY KEY, a integer);
CREATE TABLE t3 (e integer);
CREATE MATERIALIZED VIEW v0 AS SELECT q.k FROM t0 AS q WHERE q.k NOT IN (SELECT e FROM t3);
INSERT INTO t0 VALUES (1, 2), (2, 3), (3, 4), (4, NULL), (5, 5);
INSERT INTO t3 VALUES (1), (7);
-- check
INSERT INTO t3 VALUES (NULL);
-- check
DELETE FROM t3 WHERE e IS NULL;
-- kill
-- check
DELETE FROM t3;
