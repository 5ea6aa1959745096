"""Searching from the browser's own bar: an OpenSearch description document (version 1.1)."""

from fastapi import APIRouter, Request, Response

from search_api.templating import render

router = APIRouter(include_in_schema=False)


@router.get("/opensearch.xml")
def description(request: Request) -> Response:
    """The address to search at, as this request reached it; nothing of any reader.

    It offers no suggestions: the browser would send what is typed for any other site.
    """
    text = render("opensearch.xml", request=request, address=str(request.base_url))
    return Response(text, media_type="application/opensearchdescription+xml")
