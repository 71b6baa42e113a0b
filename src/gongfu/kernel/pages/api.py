"""The API of every resource: list, get, create, change, delete, actions. Same rules, forms and audit as the pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

from django.core.exceptions import ValidationError as ModelInvalid
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import Body, NinjaAPI, Query, Router, Schema, Status
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.operation import Operation
from ninja.security import SessionAuth
from pydantic import BaseModel

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.tokens import TokenAuth
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Forbidden, GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages import changes, errors, filters, forms, listing, schemas
from gongfu.kernel.pages.resource import Action, Resource
from gongfu.kernel.workflow import services as workflow

Kind = Resource[models.Model]
SIZES = (50, 100, 200, 500)
FAILURES = dict.fromkeys((400, 401, 403, 404, 409, 413, 415, 422, 429, 503), schemas.Failure)
# Ninja wraps the shape of every answer of every operation in a class of its own: for 400 operations that may fail in
# ten ways 4,000 classes, half of the time in which a web process starts. One for each shape is enough.
_wrap = Operation._create_response_model
_wrapped: dict[Any, type[Schema] | None] = {}


def _wrap_once(operation: Operation, shape: Any) -> type[Schema] | None:
    if shape not in _wrapped:
        _wrapped[shape] = _wrap(operation, shape)
    return _wrapped[shape]


Operation._create_response_model = _wrap_once  # type: ignore[assignment]


def build(resources: Sequence[Kind], routers: list[tuple[str, Router]]) -> NinjaAPI:
    """The whole API, mounted by the console at ``/api/v1/``."""
    api = NinjaAPI(
        title="Gongfu 工赋",
        version=metadata.version("gongfu"),
        urls_namespace="api",
        auth=[TokenAuth(), SessionAuth(csrf=True)],
    )
    _map_errors(api)
    for resource in resources:
        if resource.api:
            api.add_router(f"/{resource.room}/{resource.slug}", _router(resource), tags=[resource.room])
    for room, router in routers:
        api.add_router(f"/{room}", router, tags=[room])
    return api


def _router(resource: Kind) -> Router:
    router = Router()
    item = schemas.out(resource)
    _reading(router, resource, item)
    if resource.form:
        _writing(router, resource, item)
    for action in resource.actions:
        _acting(router, resource, action, item)
    for step in workflow.steps_of(resource.model):
        _stepping(router, resource, step, item)
    return router


def _reading(router: Router, resource: Kind, item: type[BaseModel]) -> None:
    def many(request: HttpRequest, query: BaseModel) -> dict[str, object]:
        user = accounts.user_of(request)
        asked = listing.parse(resource, listing.parameters(request.GET), user, sizes=SIZES)
        page = listing.page(resource, asked, listing.select(resource, asked, user))
        rows = [dump(resource, thing) for thing in page.rows]
        return {"items": rows, "total": page.total, "page": page.number, "pages": page.pages}

    def one(request: HttpRequest, pk: int) -> dict[str, object]:
        return dump(resource, changes.find(resource, accounts.user_of(request), _key(pk)))

    bound = filters.bind(resource, {}, User())
    many.__annotations__["query"] = Query[schemas.query(resource, bound)]  # type: ignore[misc]
    _add(router, resource, "GET", "", many, "list", {200: schemas.page_of(resource, item)})
    _add(router, resource, "GET", "/{pk}", one, "get", {200: item})


def _writing(router: Router, resource: Kind, item: type[BaseModel]) -> None:
    def create(request: HttpRequest, data: BaseModel) -> Status[dict[str, object]]:
        changes.require(resource.permissions.add, accounts.user_of(request), None, resource)
        instance = changes.blank(resource, request)
        return Status(201, _store(resource, request, instance, data, None))

    def change(request: HttpRequest, pk: int, data: BaseModel) -> dict[str, object]:
        user = accounts.user_of(request)
        instance = changes.find(resource, user, _key(pk))
        changes.require(resource.permissions.change, user, instance, resource)
        return _store(resource, request, instance, data, audit.state(instance))

    def delete(request: HttpRequest, pk: int) -> Status[None]:
        changes.remove(resource, changes.find(resource, accounts.user_of(request), _key(pk)), request)
        return Status(204, None)

    create.__annotations__["data"] = Body[schemas.new(resource)]  # type: ignore[misc]
    change.__annotations__["data"] = Body[schemas.change(resource)]  # type: ignore[misc]
    _add(router, resource, "POST", "", create, "create", {201: item})
    _add(router, resource, "PATCH", "/{pk}", change, "change", {200: item})
    _add(router, resource, "DELETE", "/{pk}", delete, "delete", {204: None})


def _acting(router: Router, resource: Kind, action: Action[models.Model], item: type[BaseModel]) -> None:
    def act(request: HttpRequest, pk: int) -> dict[str, object]:
        instance = changes.find(resource, accounts.user_of(request), _key(pk))
        changes.perform(resource, action, instance, request)
        return dump(resource, instance)

    _add(router, resource, "POST", f"/{{pk}}/{action.name}", act, action.name, {200: item})


def _stepping(router: Router, resource: Kind, step: workflow.Step, item: type[BaseModel]) -> None:
    def take(request: HttpRequest, pk: int, data: schemas.Reason) -> dict[str, object]:
        user = accounts.user_of(request)
        thing = changes.find(resource, user, _key(pk))
        return dump(resource, workflow.perform(thing, step.name, user, reason=data.reason, request=request))

    _add(router, resource, "POST", f"/{{pk}}/{step.name}", take, step.name, {200: item})


def _add(
    router: Router,
    resource: Kind,
    method: str,
    path: str,
    view: Callable[..., object],
    verb: str,
    response: dict[int, Any],
) -> None:
    name = f"{resource.name}-{verb}".replace("-", "_")
    router.add_api_operation(
        path,
        [method],
        view,
        response=response | FAILURES,
        operation_id=name,
        url_name=name,
        summary=f"{verb}: {resource.model.__name__}",
    )


def _store(
    resource: Kind, request: HttpRequest, instance: models.Model, data: BaseModel, before: audit.State | None
) -> dict[str, object]:
    user = accounts.user_of(request)
    blank = forms.build(resource, user, instance)
    sent = {name: blank.get_initial_for_field(field, name) for name, field in blank.fields.items()}
    sent |= data.model_dump(exclude_unset=True)
    form = forms.build(resource, user, instance, {name: _sent(value) for name, value in sent.items()})
    if not form.is_valid():
        raise _refusal(form.errors.get_json_data())
    try:
        changes.store(resource, form.instance, request, before)
    except ModelInvalid as error:
        form.add_error(None, error)
        raise _refusal(form.errors.get_json_data()) from error
    return dump(resource, form.instance)


def _sent(value: object) -> object:
    """As a form field wants it: structures as JSON text, a related thing as its key."""
    if isinstance(value, dict | list):
        return json.dumps(value)
    return value.pk if isinstance(value, models.Model) else value


def _refusal(found: dict[str, Any]) -> Invalid:
    fields = {name: " ".join(entry["message"] for entry in entries) for name, entries in found.items()}
    return Invalid(
        mark("These fields cannot be used: {names}."),
        remedy=mark("See values.fields for each of them."),
        names=", ".join(fields),
        fields=fields,
    )


def dump(resource: Kind, thing: models.Model) -> dict[str, object]:
    """One thing as the API shows it."""
    values: dict[str, object] = {"id": thing.pk, "label": str(thing), "url": resource.url(thing)}
    for field in schemas.api_fields(resource):
        told = None if field.choices else getattr(thing, f"get_{field.name}_display", None)
        values[field.name] = told() if told else field.value_from_object(thing)
    return values


def _key(pk: int) -> int:
    if not 0 <= pk < 2**63:
        raise NotFound(mark("There is nothing with the key {key}."), key=str(pk)[:40])
    return pk


def _map_errors(api: NinjaAPI) -> None:
    def answer(request: HttpRequest, error: GongfuError) -> HttpResponse:
        return JsonResponse(errors.body(error), status=error.http_status)

    def gongfu(request: HttpRequest, error: GongfuError) -> HttpResponse:
        return answer(request, error)

    def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
        fields = {".".join(str(part) for part in entry["loc"][1:]): str(entry["msg"]) for entry in error.errors}
        return answer(request, _from_pydantic(fields))

    def http(request: HttpRequest, error: HttpError) -> HttpResponse:
        if isinstance(error, AuthenticationError):
            return answer(
                request,
                errors.SignInNeeded(
                    mark("Nobody is signed in."), remedy=mark("Send Authorization: Bearer with an API token.")
                ),
            )
        if error.status_code == 403:
            return answer(
                request, Forbidden(mark("The CSRF token is missing or wrong."), remedy=mark("Send X-CSRFToken."))
            )
        return answer(request, errors.of(error))

    def missing(request: HttpRequest, error: Http404) -> HttpResponse:
        return answer(request, NotFound(mark("There is nothing at this address."), remedy=mark("See /api/v1/docs.")))

    api.add_exception_handler(GongfuError, gongfu)  # type: ignore[arg-type]
    api.add_exception_handler(ValidationError, invalid)  # type: ignore[arg-type]
    api.add_exception_handler(HttpError, http)  # type: ignore[arg-type]
    api.add_exception_handler(Http404, missing)  # type: ignore[arg-type]


def _from_pydantic(fields: dict[str, str]) -> Invalid:
    return Invalid(
        mark("These fields cannot be used: {names}."),
        remedy=mark("See values.fields for each of them."),
        names=", ".join(fields),
        fields=fields,
    )
