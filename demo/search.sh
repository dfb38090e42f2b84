#!/usr/bin/env bash
# Any model searches: here in a folder of texts; with web_search_url or a search service's key, on the web.
source "$(dirname "$0")/start.sh"

say "The documents of a small shop:"
ls documents

say "A model that needs to know something searches for it, and answers with its sources."
ask /v1/chat/completions '{
  "model": "echo:chat",
  "tools": [{"type": "otari_web_search", "max_results": 2}],
  "messages": [{"role": "user", "content": "call web_search {\"query\": \"return an Aurora lamp\"}"}]
}'

say "The same as a stream, through the Anthropic API."
ask /v1/messages '{
  "model": "echo:chat", "max_tokens": 500, "stream": true,
  "tools": [{"type": "otari_web_search", "max_results": 1}],
  "messages": [{"role": "user", "content": "call web_search {\"query\": \"free shipping\"}"}]
}'

say "A key can be kept from a tool."
key=$(manage /v1/keys -d '{"user_id": "ada", "allowed_tools": []}' | sed -n 's/^.*"key":"\([^"]*\)".*$/\1/p')
ask /v1/chat/completions '{
  "model": "echo:chat",
  "tools": [{"type": "otari_web_search"}],
  "messages": [{"role": "user", "content": "hello"}]
}'
