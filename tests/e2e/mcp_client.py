"""The reference SDK as a client of `/mcp`."""

import asyncio

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client


def asked(node, act, mode="auto"):
    """What `act` answers for a client of that generation of the protocol (`auto` or `legacy`), with the node's key."""

    async def run():
        headers = {"Authorization": f"Bearer {node.key}"}
        async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
            transport = streamable_http_client(f"{node.url}/mcp", http_client=http)
            async with Client(transport, mode=mode) as client:
                return await act(client)

    return asyncio.run(run())
