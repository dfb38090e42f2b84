-- Times are UTC microseconds, money is nano-dollars, rates are 1e-8 dollars per million units. STRICT, so that a
-- counter that overflows is refused, as PostgreSQL does, instead of turning into a float.

CREATE TABLE users (
    user_id TEXT NOT NULL PRIMARY KEY,
    alias TEXT,
    blocked INTEGER NOT NULL,
    allowed_models TEXT,
    metadata TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;
CREATE INDEX ix_users_created ON users (created_at, user_id);

CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    key_hash TEXT NOT NULL UNIQUE,
    key_prefix TEXT,
    key_suffix TEXT,
    key_name TEXT,
    user_id TEXT REFERENCES users (user_id) ON DELETE CASCADE,
    workspace_id TEXT,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER,
    expires_at INTEGER,
    is_active INTEGER NOT NULL,
    exclude_from_budget INTEGER NOT NULL,
    reject_user_mismatch INTEGER,
    capture_agent_telemetry INTEGER,
    allowed_models TEXT,
    metadata TEXT NOT NULL
) STRICT;
CREATE INDEX ix_api_keys_created ON api_keys (created_at, id);
CREATE INDEX ix_api_keys_user ON api_keys (user_id);

CREATE TABLE budgets (
    budget_id TEXT NOT NULL PRIMARY KEY,
    name TEXT,
    max_budget INTEGER,
    token_limit INTEGER,
    request_limit INTEGER,
    budget_duration_sec INTEGER,
    reset_alignment TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CHECK (budget_duration_sec IS NULL OR reset_alignment IS NULL)
) STRICT;
CREATE INDEX ix_budgets_created ON budgets (created_at, budget_id);

-- budget_id has no reference: the log outlives the budget.
CREATE TABLE budget_reset_logs (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    user_id TEXT,
    budget_id TEXT NOT NULL,
    previous_spend INTEGER NOT NULL,
    reset_at INTEGER NOT NULL,
    next_reset_at INTEGER
) STRICT;
CREATE INDEX ix_budget_reset_logs_budget ON budget_reset_logs (budget_id, reset_at);
CREATE INDEX ix_budget_reset_logs_user ON budget_reset_logs (user_id, reset_at);

CREATE TABLE accounts (
    account_id TEXT NOT NULL PRIMARY KEY,
    budget_id TEXT REFERENCES budgets (budget_id) ON DELETE SET NULL,
    settled_cost INTEGER NOT NULL DEFAULT 0,
    settled_tokens INTEGER NOT NULL DEFAULT 0,
    settled_requests INTEGER NOT NULL DEFAULT 0,
    leased_cost INTEGER NOT NULL DEFAULT 0,
    leased_tokens INTEGER NOT NULL DEFAULT 0,
    leased_requests INTEGER NOT NULL DEFAULT 0,
    period_start INTEGER,
    period_end INTEGER
) STRICT;
CREATE INDEX ix_accounts_budget ON accounts (budget_id);

CREATE TABLE leases (
    account_id TEXT NOT NULL REFERENCES accounts (account_id) ON DELETE CASCADE,
    node_id TEXT NOT NULL,
    cost INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, node_id)
) STRICT;
CREATE INDEX ix_leases_node ON leases (node_id);
CREATE INDEX ix_leases_expires ON leases (expires_at);

CREATE TABLE model_pricing (
    model_key TEXT NOT NULL,
    effective_at INTEGER NOT NULL,
    input_rate INTEGER NOT NULL,
    output_rate INTEGER NOT NULL,
    cache_read_rate INTEGER,
    cache_write_rate INTEGER,
    cache_write_1h_rate INTEGER,
    pricing_tiers TEXT NOT NULL,
    origin TEXT NOT NULL,
    unit TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (model_key, effective_at)
) STRICT;

-- No references: a row is written even when its user or key is gone.
CREATE TABLE usage_logs (
    id TEXT NOT NULL PRIMARY KEY,
    timestamp INTEGER NOT NULL,
    status TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    model TEXT NOT NULL,
    provider TEXT,
    user_id TEXT,
    api_key_id TEXT,
    source TEXT NOT NULL,
    source_label TEXT,
    prompt_tokens INTEGER,
    completion_tokens INTEGER,
    total_tokens INTEGER,
    cache_read_tokens INTEGER,
    cache_write_tokens INTEGER,
    cache_write_1h_tokens INTEGER,
    reasoning_tokens INTEGER,
    cache_tokens_in_prompt INTEGER,
    usage_estimated INTEGER NOT NULL,
    cost INTEGER,
    pricing_breakdown TEXT,
    billing_meters TEXT,
    error_message TEXT,
    status_code INTEGER,
    latency_ms INTEGER NOT NULL,
    first_chunk_ms INTEGER,
    counts_toward_budget INTEGER NOT NULL,
    policy_name TEXT,
    selection_reason TEXT,
    attempt_position INTEGER,
    attempt_count INTEGER,
    request_group_id TEXT,
    request_id TEXT
) STRICT;
CREATE INDEX ix_usage_logs_time ON usage_logs (timestamp, id);
CREATE INDEX ix_usage_logs_user ON usage_logs (user_id, timestamp);
CREATE INDEX ix_usage_logs_key ON usage_logs (api_key_id, timestamp);
-- Errors are few and looked for; an index over every success would cost each call its share.
CREATE INDEX ix_usage_logs_error ON usage_logs (timestamp) WHERE status = 'error';
CREATE INDEX ix_usage_logs_group ON usage_logs (request_group_id) WHERE request_group_id IS NOT NULL;

CREATE TABLE runtime_settings (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE model_aliases (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    target TEXT NOT NULL,
    user_id TEXT REFERENCES users (user_id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX uq_model_aliases_user ON model_aliases (name, user_id) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX uq_model_aliases_shared ON model_aliases (name) WHERE user_id IS NULL;
