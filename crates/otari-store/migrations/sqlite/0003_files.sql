-- Files that callers uploaded or that calls produced. A row is there as long as bytes may be: it is written before
-- them and deleted after them.
CREATE TABLE files (
    id TEXT NOT NULL PRIMARY KEY,
    -- Empty until the upload is complete, as are the names below.
    user_id TEXT NOT NULL,
    filename TEXT NOT NULL,
    mime_type TEXT NOT NULL,
    purpose TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    -- Which storage has the bytes: `local` or `s3`.
    storage TEXT NOT NULL,
    -- `uploading`, `ready`, or `deleted`: its bytes are about to go.
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT;
CREATE INDEX ix_files_user ON files (user_id, created_at, id);
CREATE INDEX ix_files_expiry ON files (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX ix_files_unready ON files (created_at) WHERE state <> 'ready';

-- Background work that one node at a time does.
CREATE TABLE task_leases (
    task TEXT NOT NULL PRIMARY KEY,
    node_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
