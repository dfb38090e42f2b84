#!/usr/bin/env bash
# Any model runs Python: in a sandbox of the gateway's, whose variables and files stay for the whole conversation.
source "$(dirname "$0")/start.sh"

say "A model that wants to compute is given a tool. (The first program on a machine takes a quarter of a minute: the sandbox compiles its Python.) The echo model calls what it is told to call."
ask /v1/chat/completions '{
  "model": "echo:chat",
  "tools": [{"type": "otari_code_execution"}],
  "messages": [{"role": "user", "content": "call code_execution {\"code\": \"sum(n * n for n in range(1, 101))\"}"}]
}'

say "The Responses API shows the program and what it printed."
ask /v1/responses '{
  "model": "echo:chat",
  "tools": [{"type": "otari_code_execution"}],
  "input": "call code_execution {\"code\": \"import csv, io\\nrows = list(csv.DictReader(io.StringIO(\\\"city,rain\\\\nOslo,763\\\\nBergen,2495\\\")))\\nmax(rows, key=lambda row: int(row[\\\"rain\\\"]))[\\\"city\\\"]\"}"
}'

say "There is no network and nothing of this machine inside: the program fails, the gateway does not."
ask /v1/chat/completions '{
  "model": "echo:chat",
  "tools": [{"type": "otari_code_execution"}],
  "messages": [{"role": "user", "content": "call code_execution {\"code\": \"import os, socket\\nprint(dict(os.environ))\\nsocket.create_connection((\\\"1.1.1.1\\\", 80))\"}"}]
}'

say "Each run is on the bill, beside the tokens."
manage "/v1/usage?limit=1"
echo
