-- Retention (law 10): the wrapping key a data key is under, and when an order's data goes.
ALTER TABLE dossier ADD COLUMN epoch TEXT NOT NULL DEFAULT ''; -- the wrapping key's label
CREATE INDEX dossier_epoch ON dossier (epoch, order_key);

ALTER TABLE orders ADD COLUMN until TEXT;                        -- the day of its erasure, once it is over
ALTER TABLE orders ADD COLUMN erased INTEGER NOT NULL DEFAULT 0; -- 1: gone; 2: gone, and the ledger says so
CREATE INDEX orders_over ON orders (key) WHERE until IS NULL AND erased = 0 AND state IN ('boxed', 'cancelled');
CREATE INDEX orders_until ON orders (key, until) WHERE until IS NOT NULL AND erased = 0;
CREATE INDEX orders_erased ON orders (key) WHERE erased = 1;
