"""What pushes add to the API."""

from typing import Any

from quisait_push.routes import PushReception, router
from quisait_push.schemas import PushReceiver
from search_api.features import WebFeature
from search_api.openapi import BEARER


def push_web(receiver: PushReceiver | None) -> WebFeature:
    """Return the routes of pushes; without a receiver they answer 404."""
    return WebFeature(
        routers=(router,),
        service=PushReception(receiver),
        describe=_describe,
        tags={"/api/v1/push": "push"},
        large_bodies=("/api/v1/push/",),
    )


def _describe(schema: dict[str, Any]) -> None:
    schema["tags"].append(
        {"name": "push", "description": "Documents and groups that an application pushes."}
    )
    schema["components"]["securitySchemes"]["pushToken"] = BEARER | {
        "description": "A token of one source: `quisait push token add`."
    }
    for path, operations in schema["paths"].items():
        if path.startswith("/api/v1/push/"):
            for operation in operations.values():
                operation["security"] = [{"pushToken": []}]
