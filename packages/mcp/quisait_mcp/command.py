"""`quisait mcp`: connect a local assistant to a site, which checks all rights itself."""

import os
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from quisait.application.startup import errors_as_sentences

TOKEN = "QUISAIT_TOKEN"  # noqa: S105 - a variable's name


def mcp(
    address: Annotated[
        str,
        typer.Argument(
            metavar="ADRESSE",
            help="Le site, comme https://quisait.exemple.fr",
            envvar="QUISAIT_URL",
        ),
    ],
    token_file: Annotated[
        Path | None, typer.Option(help=f"Fichier qui tient le jeton ; sinon, la variable {TOKEN}")
    ] = None,
) -> None:
    """Relie un assistant local (MCP sur stdio) à un site, par un jeton."""
    with errors_as_sentences():
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(
                f"« {address} » n'est pas l'adresse d'un site : commencez par https://."
            )
        token = token_file.read_text("utf-8") if token_file else os.environ.get(TOKEN, "")
        if not token.strip().isascii() or len(token.split()) != 1:
            raise ValueError(
                f"Le jeton manque, ou n'en est pas un : donnez --token-file, ou {TOKEN}. Un agent "
                f"le fait sur {address.rstrip('/')}/assistants."
            )
        import anyio

        url = address if parts.path.strip("/") else f"{address.rstrip('/')}/mcp"
        if failure := anyio.run(_relay, url, token.strip()):
            raise ValueError(failure)


async def _relay(url: str, token: str) -> str:
    """Pass an assistant's messages on stdio to the site, and the answers back.

    Return a sentence if it fails.
    """
    import httpx2
    from mcp import Client, MCPError
    from mcp.client.streamable_http import streamable_http_client
    from mcp.server.lowlevel.server import Server
    from mcp.server.stdio import stdio_server

    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=90.0) as http:
        # Asked first: the library would hide why the site refuses.
        try:
            status = (await http.post(url, json={})).status_code
        except httpx2.HTTPError:
            return f"{url} ne répond pas : vérifiez l'adresse et le réseau."
        if status in (401, 404):
            why = {401: "refuse ce jeton : il est échu, supprimé ou mal recopié"}
            return f"{url} {why.get(status, 'ne sert pas les assistants')}."
        try:
            async with Client(streamable_http_client(url, http_client=http)) as site:

                async def read(_: Any, asked: Any) -> Any:
                    return await site.read_resource(asked.uri)

                async def call(_: Any, asked: Any) -> Any:
                    return await site.call_tool(asked.name, asked.arguments)

                async def prompt(_: Any, asked: Any) -> Any:
                    return await site.get_prompt(asked.name, asked.arguments)

                relay: Server[Any] = Server(
                    "quisait",
                    version=site.server_info.version if site.server_info else "",
                    title="Qui sait ?",
                    instructions=site.instructions,
                    on_list_tools=lambda *_: site.list_tools(),
                    on_list_resources=lambda *_: site.list_resources(),
                    on_list_resource_templates=lambda *_: site.list_resource_templates(),
                    on_read_resource=read,
                    on_call_tool=call,
                    on_list_prompts=lambda *_: site.list_prompts(),
                    on_get_prompt=prompt,
                )
                async with stdio_server() as (read_stream, write_stream):
                    options = relay.create_initialization_options()
                    await relay.run(read_stream, write_stream, options)
        except MCPError as error:
            return f"{url} ne parle pas MCP comme attendu ({error.code})."
    return ""
