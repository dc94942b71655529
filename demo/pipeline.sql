-- The demo: orders of a small shop, revenue per country in euro, kept up to date.
--
-- PostgreSQL -> Debezium -> Kafka -> weir -> Kafka -> ClickHouse. Here the topics are recordings and the broker is the one
-- inside weir ("embedded"); against a real Kafka only properties.bootstrap.server changes.

-- 1. Tables over Debezium topics. A table holds the rows that the source table holds: snapshot reads, inserts, updates,
--    deletes and key changes are folded into it by primary key.
CREATE TABLE customers (
    id      int PRIMARY KEY,
    name    text,
    country text,
    email   text,
    since   date
) WITH (connector = 'kafka', topic = 'shop.public.customers', properties.bootstrap.server = 'embedded')
FORMAT DEBEZIUM ENCODE JSON;

CREATE TABLE products (
    id       int PRIMARY KEY,
    name     text,
    category text,
    price    numeric(10, 2),
    currency text
) WITH (connector = 'kafka', topic = 'shop.public.products', properties.bootstrap.server = 'embedded')
FORMAT DEBEZIUM ENCODE JSON;

CREATE TABLE orders (
    id          bigint PRIMARY KEY,
    customer_id int,
    product_id  int,
    quantity    int,
    status      text,
    ordered_at  timestamptz
) WITH (connector = 'kafka', topic = 'shop.public.orders', properties.bootstrap.server = 'embedded')
FORMAT DEBEZIUM ENCODE JSON;

-- 2. Reference data that lives in weir itself: an ordinary table, changed with INSERT, UPDATE and DELETE.
CREATE TABLE rates (currency text PRIMARY KEY, to_eur numeric NOT NULL);
--    (The script can be run again: what exists is skipped, and the INSERT adds only the rates that are missing.)
INSERT INTO rates
SELECT v.currency, v.to_eur
  FROM (VALUES ('EUR', 1), ('SEK', 0.0895), ('USD', 0.92)) AS v (currency, to_eur)
 WHERE NOT EXISTS (SELECT FROM rates r WHERE r.currency = v.currency);

-- 3. Views. A materialized view is always equal to its query: each change of an input goes through the join and the
--    aggregates as a change, nothing is computed anew.
CREATE MATERIALIZED VIEW order_lines AS
SELECT o.id,
       c.name AS customer,
       c.country,
       p.name AS product,
       p.category,
       o.quantity,
       (o.quantity * p.price * r.to_eur)::numeric(12, 2) AS eur,
       o.ordered_at
  FROM orders o
  JOIN customers c ON c.id = o.customer_id
  JOIN products p ON p.id = o.product_id
  JOIN rates r ON r.currency = p.currency
 WHERE o.status = 'paid';

CREATE MATERIALIZED VIEW revenue AS
SELECT country,
       count(*) AS orders,
       count(DISTINCT customer) AS customers,
       sum(eur)::numeric(14, 2) AS eur,
       max(eur) AS largest
  FROM order_lines
 GROUP BY country;

-- 4. Sinks. CHANGELOG is what ClickHouse's ReplacingMergeTree takes as it is: the row, __op, __deleted, __version.
CREATE SINK revenue_changes FROM revenue
WITH (connector = 'kafka', topic = 'shop.revenue', properties.bootstrap.server = 'embedded')
FORMAT CHANGELOG ENCODE JSON;

--    UPSERT is the row by its key, and a message without value for a delete. Routing is a WHERE.
CREATE SINK large_orders AS SELECT id, customer, product, eur FROM order_lines WHERE eur >= 100
WITH (connector = 'kafka', topic = 'shop.large_orders', properties.bootstrap.server = 'embedded', primary_key = 'id')
FORMAT UPSERT ENCODE JSON;
