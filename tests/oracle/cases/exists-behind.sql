-- a condition that can fail, behind a correlated one
CREATE TABLE t (a integer, b text, c integer);
INSERT INTO t VALUES (1, 'a', 5), (2, 'b', 0), (3, NULL, 2), (4, 'a%', 1);
CREATE MATERIALIZED VIEW v0 AS SELECT * FROM t AS q WHERE EXISTS (SELECT 1 FROM t AS s WHERE q.a = s.a AND 10 / NULLIF(s.c, 0) > 1 AND s.b LIKE 'a%');
CREATE MATERIALIZED VIEW v1 AS SELECT * FROM t AS q WHERE NOT EXISTS (SELECT 1 FROM t AS s WHERE q.a = s.a AND 10 / NULLIF(s.c, 0) > 1 AND s.b LIKE 'a%');
CREATE MATERIALIZED VIEW v2 AS SELECT * FROM t AS q WHERE a NOT IN (SELECT s.a FROM t AS s WHERE q.b = s.b AND 10 / NULLIF(s.c, 0) > 1);
-- check
UPDATE t SET c = 3 WHERE a = 2;
DELETE FROM t WHERE a = 1;
