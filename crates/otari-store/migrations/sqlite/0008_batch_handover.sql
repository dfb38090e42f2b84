-- When a batch was about to be handed over to its provider: without a `native_id` it may or may not have been.
ALTER TABLE batches ADD COLUMN native_asked_at INTEGER;
