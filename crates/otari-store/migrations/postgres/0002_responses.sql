-- Answers of the Responses API that a later request may go on from.
CREATE TABLE responses (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL,
    previous_id TEXT,
    -- The instance that keeps it too; none for an answer that was translated.
    instance TEXT,
    model TEXT NOT NULL,
    input TEXT NOT NULL,
    response TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX ix_responses_expiry ON responses (expires_at);
