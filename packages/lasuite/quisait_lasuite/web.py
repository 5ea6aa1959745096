"""What La Suite's formats add to the API."""

from typing import Any

from quisait_lasuite import find_routes, scim_routes
from quisait_lasuite.service import LaSuite
from search_api.features import WebFeature
from search_api.openapi import BEARER

_SECURITY = {
    "/api/v1.0/documents/search/": ("applicationToken",),
    "/api/v1.0/documents/delete/": ("pushToken", "applicationToken"),
}
"""Security schemes by path; other paths of this package take a token of the source."""


def lasuite_web(service: LaSuite) -> WebFeature:
    """Return the routes of find and SCIM over this service."""
    return WebFeature(
        routers=(scim_routes.router, find_routes.router),
        service=service,
        describe=_describe,
        tags={"/scim/": "push", r"/api/v1\.0/": "find"},
        programs={"/scim/": None},
        large_bodies=("/api/v1.0/documents/", "/scim/v2/"),
    )


def _describe(schema: dict[str, Any]) -> None:
    schema["tags"].append(
        {"name": "find", "description": "The API of La Suite's find, for its applications."}
    )
    for path, operations in schema["paths"].items():
        if path.startswith(("/api/v1.0/", "/scim/")):
            for operation in operations.values():
                operation["operationId"] = operation["operationId"].replace("api_", "find_", 1)
                schemes = _SECURITY.get(path, ("pushToken",))
                operation["security"] = [{name: []} for name in schemes]
    schema["components"]["securitySchemes"]["applicationToken"] = BEARER | {
        "description": "The access token that the identity provider gave for the person."
    }
