-- Requests whose answers were judged, for the learned router. `embedding`: little-endian 32-bit floats in base64.
-- `scores`: JSON, `instance:model` to 0..1.
CREATE TABLE routing_memory (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
    task_id TEXT,
    embedding_model TEXT NOT NULL,
    embedding TEXT NOT NULL,
    scores TEXT NOT NULL,
    label_source TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX ix_routing_memory_user ON routing_memory (user_id, created_at);
