-- NULL: any tool.
ALTER TABLE api_keys ADD COLUMN allowed_tools TEXT;

-- Search tools that were set up while the gateway runs. The key is sealed.
CREATE TABLE search_tools (
    name TEXT NOT NULL PRIMARY KEY,
    provider TEXT NOT NULL,
    api_base TEXT,
    sealed_key TEXT,
    key_last4 TEXT,
    timeout_ms INTEGER,
    options TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- The token is sealed.
CREATE TABLE workspace_mcp_servers (
    id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    sealed_token TEXT,
    purpose_hint TEXT,
    allowed_tools TEXT,
    enabled INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (workspace_id, name)
) STRICT;
CREATE INDEX ix_workspace_mcp_servers_created ON workspace_mcp_servers (workspace_id, created_at, id);

-- What a workspace narrows; no row narrows nothing.
CREATE TABLE workspace_code_execution_policies (
    workspace_id TEXT NOT NULL PRIMARY KEY,
    enabled INTEGER NOT NULL,
    default_purpose_hint TEXT,
    max_iterations INTEGER,
    exec_timeout_s INTEGER,
    tools TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE workspace_web_search_policies (
    workspace_id TEXT NOT NULL PRIMARY KEY,
    enabled INTEGER NOT NULL,
    max_results INTEGER,
    purpose_hint TEXT,
    allowed_domains TEXT,
    blocked_domains TEXT,
    provider_options TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
