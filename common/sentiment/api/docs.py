"""The page /docs: every path with its answers, and a form to try /predict.

It is written from the OpenAPI schema and complete in itself. Swagger UI would fetch its
scripts from the internet; who wants it, or another tool, gives it /openapi.json.
"""

import json
from html import escape
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

_POLICY = {
    "Content-Security-Policy": "default-src 'none'; connect-src 'self'; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'"
}

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto;
  padding: 0 1rem }}
pre, textarea {{ font: 14px/1.4 monospace; background: #f4f4f4; padding: .6rem;
  white-space: pre-wrap; overflow-wrap: anywhere }}
textarea {{ width: 100%; box-sizing: border-box; border: 1px solid #999 }}
th, td {{ text-align: left; padding-right: 1.5rem; vertical-align: top }}
h2 {{ font: 600 1.1rem monospace; margin-top: 2.5rem }}
</style>
<h1>{title} {version}</h1>
<p>{description} The same for programs: <a href="openapi.json">openapi.json</a>.</p>
{operations}
<script>
for (const form of document.querySelectorAll("form")) form.onsubmit = async event => {{
  event.preventDefault();
  const headers = {{"Content-Type": "application/json"}};
  if (form.key && form.key.value) headers["X-API-Key"] = form.key.value;
  const sent = {{method: "POST", headers, body: form.body.value}};
  const answer = await fetch(form.getAttribute("action"), sent);
  let text = await answer.text();
  try {{ text = JSON.stringify(JSON.parse(text), null, 1) }} catch {{}}
  form.querySelector("pre").textContent = answer.status + "\\n" + text;
}};
</script></html>
"""

_FORM = """<form action="{path}">
<p><textarea name="body" rows="4" aria-label="body">{example}</textarea></p>
<p>{key}<button>Send</button></p><pre>{others}</pre></form>"""
_KEY = '<label>X-API-Key <input name="key" type="password"></label> '


def add_docs(app: FastAPI) -> None:
    """Add `/docs`."""

    @app.get("/docs", include_in_schema=False)
    async def docs(_: Request) -> HTMLResponse:
        return HTMLResponse(page(app.openapi()), headers=_POLICY)


def page(schema: dict[str, Any]) -> str:
    """Return the page for an OpenAPI schema."""
    operations = [
        _operation(path, method, operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]
    info = {name: escape(text) for name, text in schema["info"].items()}
    return _PAGE.format(**info, operations="\n".join(operations))


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    statuses = "".join(
        f"<tr><td>{status}<td>{escape(answer['description'])}"
        for status, answer in sorted(operation["responses"].items())
    )
    return (
        f"<h2>{method.upper()} {escape(path)}</h2>"
        f"<p>{escape(operation['description'])}</p>"
        f"{_form(path, operation)}<table>{statuses}</table>"
    )


def _form(path: str, operation: dict[str, Any]) -> str:
    body = operation.get("requestBody")
    if body is None:
        return f'<p><a href="{escape(path[1:])}">Open it</a></p>'
    examples = body["content"]["application/json"]["examples"].values()
    first, *others = (
        escape(json.dumps(one["value"], ensure_ascii=False)) for one in examples
    )
    return _FORM.format(
        path=escape(path[1:]),
        example=first,
        key=_KEY if "security" in operation else "",
        others="\n".join(f"or {one}" for one in others),
    )
