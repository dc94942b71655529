DELETE FROM orders WHERE id = 4;
INSERT INTO orders (id, customer_id, amount) VALUES (5, 3, 1000);
UPDATE wide SET n = 0 WHERE id <= 10;
