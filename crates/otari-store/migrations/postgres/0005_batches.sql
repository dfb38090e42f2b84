-- Batches of calls that are made when there is time for them.
CREATE TABLE batches (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL,
    -- The key that asked; none for the operator.
    api_key_id TEXT,
    endpoint TEXT NOT NULL,
    model TEXT,
    provider TEXT,
    -- The instance whose own batches it goes to, and its name there.
    native TEXT,
    native_id TEXT,
    input_file_id TEXT,
    output_file_id TEXT,
    error_file_id TEXT,
    -- As it was asked for, e.g. `24h`.
    completion_window TEXT NOT NULL,
    output_lifetime_sec BIGINT,
    metadata TEXT,
    status TEXT NOT NULL,
    -- Why it failed, a JSON array.
    errors TEXT,
    total BIGINT NOT NULL,
    completed BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    in_progress_at BIGINT,
    finalizing_at BIGINT,
    cancelling_at BIGINT,
    -- When it came to the end that `status` tells.
    ended_at BIGINT,
    -- Who is at it, and until when it is theirs.
    node_id TEXT,
    leased_until BIGINT
);
CREATE INDEX ix_batches_user ON batches (user_id, created_at, id);
CREATE INDEX ix_batches_created ON batches (created_at, id);
CREATE INDEX ix_batches_open ON batches (created_at, id) WHERE ended_at IS NULL;
CREATE INDEX ix_batches_ended ON batches (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE batch_lines (
    batch_id TEXT NOT NULL REFERENCES batches (id) ON DELETE CASCADE,
    line BIGINT NOT NULL,
    custom_id TEXT NOT NULL,
    -- The body of the call; emptied once there is an answer.
    request TEXT NOT NULL,
    -- The answer's status; 0 where the call was never made.
    status BIGINT,
    answer TEXT,
    PRIMARY KEY (batch_id, line)
);
