-- `spec`: the policy as JSON. NULL user: for everybody.
CREATE TABLE routing_policies (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    spec TEXT NOT NULL,
    user_id TEXT REFERENCES users (user_id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX uq_routing_policies_shared ON routing_policies (name) WHERE user_id IS NULL;
CREATE UNIQUE INDEX uq_routing_policies_own ON routing_policies (name, user_id) WHERE user_id IS NOT NULL;
