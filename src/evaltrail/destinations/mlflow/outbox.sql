-- name: create
-- One row a delivery and tracking URI; phase says what MLflow is known to hold.
CREATE TABLE IF NOT EXISTS deliveries (
    key TEXT NOT NULL,
    tracking_uri TEXT NOT NULL,
    plan BLOB NOT NULL,
    phase TEXT NOT NULL DEFAULT 'planned',
    artifacts BLOB NOT NULL DEFAULT '[]',
    run_id TEXT NOT NULL DEFAULT '',
    experiment_id TEXT NOT NULL DEFAULT '',
    skipped BLOB NOT NULL DEFAULT '[]',
    created_at TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_error TEXT NOT NULL DEFAULT '',
    receipt BLOB,
    PRIMARY KEY (key, tracking_uri)
);

-- name: create_forgotten
-- Deliveries that were given up: they keep their row, which says how far they came, and wait no more.
CREATE TABLE IF NOT EXISTS forgotten (
    key TEXT NOT NULL,
    tracking_uri TEXT NOT NULL,
    forgotten_at TEXT NOT NULL,
    PRIMARY KEY (key, tracking_uri)
);

-- name: forget
INSERT OR IGNORE INTO forgotten (key, tracking_uri, forgotten_at) VALUES (:key, :tracking_uri, :forgotten_at);

-- name: is_forgotten
SELECT 1 FROM forgotten WHERE key = :key AND tracking_uri = :tracking_uri;

-- name: remember
-- What was given up and is put again waits again.
DELETE FROM forgotten WHERE key = :key AND tracking_uri = :tracking_uri;

-- name: put
-- A delivery that is already known keeps its phase; its files may have moved.
INSERT INTO deliveries (key, tracking_uri, plan, created_at) VALUES (:key, :tracking_uri, :plan, :created_at)
ON CONFLICT (key, tracking_uri) DO UPDATE SET plan = excluded.plan;

-- name: get
SELECT * FROM deliveries WHERE key = :key AND tracking_uri = :tracking_uri;

-- name: advance
UPDATE deliveries
SET phase = :phase, artifacts = :artifacts, run_id = :run_id, experiment_id = :experiment_id, skipped = :skipped
WHERE key = :key AND tracking_uri = :tracking_uri;

-- name: finish
-- The plan has done its work; only the receipt is kept.
UPDATE deliveries
SET phase = 'finished', run_id = :run_id, experiment_id = :experiment_id, receipt = :receipt, last_error = '', plan = x''
WHERE key = :key AND tracking_uri = :tracking_uri;

-- name: fail
UPDATE deliveries SET attempts = attempts + 1, last_error = :last_error
WHERE key = :key AND tracking_uri = :tracking_uri;

-- name: landed
-- One that has a plan again is being delivered once more.
SELECT key, tracking_uri FROM deliveries WHERE phase = 'finished' AND plan = x'' AND created_at <= :before;

-- name: drop
DELETE FROM deliveries WHERE key = :key AND tracking_uri = :tracking_uri AND phase = 'finished' AND plan = x'';

-- name: waiting
SELECT * FROM deliveries
WHERE phase <> 'finished' AND (key, tracking_uri) NOT IN (SELECT key, tracking_uri FROM forgotten)
ORDER BY rowid;

-- name: forgotten
SELECT * FROM deliveries
WHERE phase <> 'finished' AND (key, tracking_uri) IN (SELECT key, tracking_uri FROM forgotten)
ORDER BY rowid;
