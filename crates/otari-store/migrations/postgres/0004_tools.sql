-- NULL: any tool.
ALTER TABLE api_keys ADD COLUMN allowed_tools TEXT;

-- Search tools that were set up while the gateway runs. The key is sealed.
CREATE TABLE search_tools (
    name TEXT NOT NULL PRIMARY KEY,
    provider TEXT NOT NULL,
    api_base TEXT,
    sealed_key TEXT,
    key_last4 TEXT,
    timeout_ms BIGINT,
    options TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- The token is sealed.
CREATE TABLE workspace_mcp_servers (
    id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    sealed_token TEXT,
    purpose_hint TEXT,
    allowed_tools TEXT,
    enabled BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (workspace_id, name)
);
CREATE INDEX ix_workspace_mcp_servers_created ON workspace_mcp_servers (workspace_id, created_at, id);

-- What a workspace narrows; no row narrows nothing.
CREATE TABLE workspace_code_execution_policies (
    workspace_id TEXT NOT NULL PRIMARY KEY,
    enabled BOOLEAN NOT NULL,
    default_purpose_hint TEXT,
    max_iterations BIGINT,
    exec_timeout_s BIGINT,
    tools TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE workspace_web_search_policies (
    workspace_id TEXT NOT NULL PRIMARY KEY,
    enabled BOOLEAN NOT NULL,
    max_results BIGINT,
    purpose_hint TEXT,
    allowed_domains TEXT,
    blocked_domains TEXT,
    provider_options TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
