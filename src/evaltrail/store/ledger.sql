-- name: create
-- One row an evaluation; result is what the finished command printed with --json.
CREATE TABLE IF NOT EXISTS evaluation (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    model TEXT NOT NULL,
    tasks TEXT NOT NULL,
    out TEXT NOT NULL,
    work TEXT NOT NULL,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    result TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS evaluation_by_start ON evaluation (started_at DESC);

-- name: begin
-- An evaluation that goes on is running again.
INSERT INTO evaluation (id, state, model, tasks, out, work, started_at)
VALUES (:id, 'running', :model, :tasks, :out, :work, :started_at)
ON CONFLICT (id) DO UPDATE SET state = 'running', ended_at = NULL, result = NULL;

-- name: accept
-- A worker may have begun it already, or even ended it.
INSERT INTO evaluation (id, state, model, tasks, out, work, started_at)
VALUES (:id, 'running', :model, :tasks, :out, :work, :started_at)
ON CONFLICT (id) DO NOTHING;

-- name: end
UPDATE evaluation SET state = :state, ended_at = :ended_at, result = :result WHERE id = :id;

-- name: reopen
-- Only as it was seen to have ended: a worker may have begun it again already, or even ended it.
UPDATE evaluation SET state = 'running', ended_at = NULL, result = NULL WHERE id = :id AND ended_at = :ended_at;

-- name: states
SELECT id, state FROM evaluation;

-- name: latest
SELECT * FROM evaluation ORDER BY started_at DESC LIMIT :limit;

-- name: find
-- Five are enough to say that a prefix is not unique.
SELECT * FROM evaluation WHERE substr(id, 1, length(:prefix)) = :prefix ORDER BY started_at DESC LIMIT 5;

-- name: results
-- Of those evaluations that have one; ids is a JSON list.
SELECT id, result FROM evaluation WHERE id IN (SELECT value FROM json_each(:ids)) AND result IS NOT NULL;

-- name: amend
UPDATE evaluation SET result = :result WHERE id = :id AND result = :before;

-- name: forget
DELETE FROM evaluation WHERE id = :id;
