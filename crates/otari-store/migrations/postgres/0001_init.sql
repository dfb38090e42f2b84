-- Times are UTC microseconds, money is nano-dollars, rates are 1e-8 dollars per million units.

CREATE TABLE users (
    user_id TEXT NOT NULL PRIMARY KEY,
    alias TEXT,
    blocked BOOLEAN NOT NULL,
    allowed_models TEXT,
    metadata TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);
CREATE INDEX ix_users_created ON users (created_at, user_id);

CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    key_hash TEXT NOT NULL UNIQUE,
    key_prefix TEXT,
    key_suffix TEXT,
    key_name TEXT,
    user_id TEXT REFERENCES users (user_id) ON DELETE CASCADE,
    workspace_id TEXT,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    expires_at BIGINT,
    is_active BOOLEAN NOT NULL,
    exclude_from_budget BOOLEAN NOT NULL,
    reject_user_mismatch BOOLEAN,
    capture_agent_telemetry BOOLEAN,
    allowed_models TEXT,
    metadata TEXT NOT NULL
);
CREATE INDEX ix_api_keys_created ON api_keys (created_at, id);
CREATE INDEX ix_api_keys_user ON api_keys (user_id);

CREATE TABLE budgets (
    budget_id TEXT NOT NULL PRIMARY KEY,
    name TEXT,
    max_budget BIGINT,
    token_limit BIGINT,
    request_limit BIGINT,
    budget_duration_sec BIGINT,
    reset_alignment TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CHECK (budget_duration_sec IS NULL OR reset_alignment IS NULL)
);
CREATE INDEX ix_budgets_created ON budgets (created_at, budget_id);

-- budget_id has no reference: the log outlives the budget.
CREATE TABLE budget_reset_logs (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id TEXT,
    budget_id TEXT NOT NULL,
    previous_spend BIGINT NOT NULL,
    reset_at BIGINT NOT NULL,
    next_reset_at BIGINT
);
CREATE INDEX ix_budget_reset_logs_budget ON budget_reset_logs (budget_id, reset_at);
CREATE INDEX ix_budget_reset_logs_user ON budget_reset_logs (user_id, reset_at);

CREATE TABLE accounts (
    account_id TEXT NOT NULL PRIMARY KEY,
    budget_id TEXT REFERENCES budgets (budget_id) ON DELETE SET NULL,
    settled_cost BIGINT NOT NULL DEFAULT 0,
    settled_tokens BIGINT NOT NULL DEFAULT 0,
    settled_requests BIGINT NOT NULL DEFAULT 0,
    leased_cost BIGINT NOT NULL DEFAULT 0,
    leased_tokens BIGINT NOT NULL DEFAULT 0,
    leased_requests BIGINT NOT NULL DEFAULT 0,
    period_start BIGINT,
    period_end BIGINT
);
CREATE INDEX ix_accounts_budget ON accounts (budget_id);

CREATE TABLE leases (
    account_id TEXT NOT NULL REFERENCES accounts (account_id) ON DELETE CASCADE,
    node_id TEXT NOT NULL,
    cost BIGINT NOT NULL,
    tokens BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, node_id)
);
CREATE INDEX ix_leases_node ON leases (node_id);
CREATE INDEX ix_leases_expires ON leases (expires_at);

CREATE TABLE model_pricing (
    model_key TEXT NOT NULL,
    effective_at BIGINT NOT NULL,
    input_rate BIGINT NOT NULL,
    output_rate BIGINT NOT NULL,
    cache_read_rate BIGINT,
    cache_write_rate BIGINT,
    cache_write_1h_rate BIGINT,
    pricing_tiers TEXT NOT NULL,
    origin TEXT NOT NULL,
    unit TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (model_key, effective_at)
);

-- No references: a row is written even when its user or key is gone.
CREATE TABLE usage_logs (
    id TEXT NOT NULL PRIMARY KEY,
    timestamp BIGINT NOT NULL,
    status TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    model TEXT NOT NULL,
    provider TEXT,
    user_id TEXT,
    api_key_id TEXT,
    source TEXT NOT NULL,
    source_label TEXT,
    prompt_tokens BIGINT,
    completion_tokens BIGINT,
    total_tokens BIGINT,
    cache_read_tokens BIGINT,
    cache_write_tokens BIGINT,
    cache_write_1h_tokens BIGINT,
    reasoning_tokens BIGINT,
    cache_tokens_in_prompt BOOLEAN,
    usage_estimated BOOLEAN NOT NULL,
    cost BIGINT,
    pricing_breakdown TEXT,
    billing_meters TEXT,
    error_message TEXT,
    status_code BIGINT,
    latency_ms BIGINT NOT NULL,
    first_chunk_ms BIGINT,
    counts_toward_budget BOOLEAN NOT NULL,
    policy_name TEXT,
    selection_reason TEXT,
    attempt_position BIGINT,
    attempt_count BIGINT,
    request_group_id TEXT,
    request_id TEXT
);
CREATE INDEX ix_usage_logs_time ON usage_logs (timestamp, id);
CREATE INDEX ix_usage_logs_user ON usage_logs (user_id, timestamp);
CREATE INDEX ix_usage_logs_key ON usage_logs (api_key_id, timestamp);
-- Errors are few and looked for; an index over every success would cost each call its share.
CREATE INDEX ix_usage_logs_error ON usage_logs (timestamp) WHERE status = 'error';
CREATE INDEX ix_usage_logs_group ON usage_logs (request_group_id) WHERE request_group_id IS NOT NULL;

CREATE TABLE runtime_settings (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE model_aliases (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    target TEXT NOT NULL,
    user_id TEXT REFERENCES users (user_id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX uq_model_aliases_user ON model_aliases (name, user_id) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX uq_model_aliases_shared ON model_aliases (name) WHERE user_id IS NULL;
