import type { Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { RequestContext } from "./context.ts";
import { Failure, type FieldFault, invalid, malformed } from "./errors.ts";
import { routesOf } from "./openapi/routes.ts";
import type { Operation } from "./operation.ts";

const MAX_BODY_BYTES = 1 << 20;

/** The field of an operation's input that If-Match says, and nothing else in REST. */
const VERSION = "expectedVersion";

/** What Hono hands to the routes of a service. */
export interface RestEnv<Services> {
  Bindings: { readonly peer: string };
  Variables: { readonly request: RequestContext<Services> };
}

export type RestApp<Services> = Hono<RestEnv<Services>>;

export interface Route<Output> {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Hono's pattern; its parameters and the query's become fields of the operation's input. */
  readonly path: string;
  /**
   * The field of the operation's input that the JSON body is, or `true` if the body's fields are the
   * input's. Without it the request has no body.
   */
  readonly body?: string | true;
  /** Honours If-Match, which every PATCH, PUT and DELETE does. */
  readonly ifMatch?: true;
  /** 200 if there is an answer, 204 if there is none. */
  readonly status?: 201 | 202;
  /** Path of what was made, for the Location header. */
  readonly location?: (output: Output) => string;
  /** Path of what was found instead of what the path's parameters name: answered by 301. */
  readonly movedTo?: (
    output: Output,
    parameters: Readonly<Record<string, string>>,
  ) => string | null;
}

/** Puts an operation under a path; its body may have 1 MiB. Everything else about it (who may, what is valid) is its own. */
export function mount<Services, Output>(
  app: RestApp<Services>,
  operation: Operation<Services, Output>,
  route: Route<Output>,
): void {
  const conditional = route.ifMatch ?? ["PATCH", "PUT", "DELETE"].includes(route.method);
  const { method, path, body, status } = route;
  routesOf(app).operations.push({
    method,
    path,
    operation,
    body,
    status,
    conditional,
    answer: { kind: "json", schema: operation.output },
    located: route.location !== undefined,
    moves: route.movedTo !== undefined,
  });
  app.on(route.method, route.path, boundedBody, async (c) => {
    const context = c.get("request");
    const admission = await operation.admit(context);
    const outer: Record<string, unknown> = { ...queryOf(c, route), ...c.req.param() };
    if (conditional) Object.assign(outer, expectedVersion(c.req.header("if-match")));
    const body = await readBody(c.req.raw, route);
    const taken = [...Object.keys(outer), ...(conditional ? [VERSION] : [])];
    const input = withBody(outer, body, route.body, taken);
    const output = await operation.run(context, admission, input).catch((thrown: unknown) => {
      throw restFailure(thrown, outer, route.body);
    });
    return answer(c, route, context, output);
  });
}

const boundedBody = bodyLimit({
  maxSize: MAX_BODY_BYTES,
  onError: () => {
    const message = `The body is larger than ${MAX_BODY_BYTES} bytes.`;
    throw new Failure("tooLarge", "body_too_large", message);
  },
});

export function answer<Services, Output>(
  c: Context<RestEnv<Services>>,
  route: Route<Output>,
  context: RequestContext<Services>,
  output: Output,
): Response {
  if (context.replayed) c.header("idempotency-replayed", "true");
  if (output === undefined || output === null) return c.body(null, 204);
  const target = route.movedTo?.(output, c.req.param());
  if (typeof target === "string") {
    // Not for good: whatever moved it can be undone.
    c.header("cache-control", "no-store");
    return c.redirect(target, 301);
  }
  if (route.location) c.header("location", route.location(output));
  if (typeof output === "object" && "version" in output) c.header("etag", `"${output.version}"`);
  c.header("cache-control", "no-store");
  c.header("content-type", "application/json; charset=utf-8");
  return c.body(JSON.stringify(output), route.status ?? 200);
}

/**
 * The query's parameters; one that is given twice stays a list, which no scalar field accepts, and
 * `custom.size` is the field `size` of `custom`. None may stand for a field of the path or of the
 * body: a password does not belong into a URL. Nor for If-Match.
 */
export function queryOf(c: Context, { body }: Route<never>): Record<string, unknown> {
  const names = Object.keys(c.req.queries());
  const stray = names.filter((name) => body === true || name === VERSION || name in c.req.param());
  if (stray.length > 0) {
    const message = "is not a parameter of this request's query";
    const fields = stray.map((path) => ({ path, code: "unknown_field", message }));
    throw malformed("invalid_fields", `${stray.join(", ")}: ${message}`, fields);
  }
  const query = new Map<string, unknown>();
  const nested = new Map<string, [string, unknown][]>();
  for (const [name, values] of Object.entries(c.req.queries())) {
    const [first, ...more] = values;
    const value = first === undefined || more.length > 0 ? values : first;
    const [outer = "", inner] = name.split(/\.(.*)/s, 2);
    if (inner === undefined) query.set(name, value);
    else nested.set(outer, [...(nested.get(outer) ?? []), [inner, value]]);
  }
  for (const [name, fields] of nested) query.set(name, Object.fromEntries(fields));
  return Object.fromEntries(query);
}

/** RFC 9110, section 13.1.1. `*` asks only for existence, which every operation checks anyway. */
function expectedVersion(ifMatch: string | undefined): { [VERSION]?: number } {
  if (ifMatch === undefined || ifMatch.trim() === "*") return {};
  const version = /^(?:W\/)?"(\d{1,9})"$/.exec(ifMatch.trim())?.[1];
  if (version === undefined) {
    throw malformed("invalid_if_match", 'If-Match must be an ETag as it was received, like "3".');
  }
  return { [VERSION]: Number(version) };
}

async function readBody(request: Request, { body }: Route<never>): Promise<unknown> {
  const bytes = await request.bytes();
  // Some clients send an empty object where there is nothing to send.
  return body === undefined && bytes.length === 0 ? {} : jsonOf(request, bytes);
}

function jsonOf(request: Request, bytes: Uint8Array): unknown {
  const type = (request.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json" && type !== "application/merge-patch+json") {
    throw new Failure(
      "mediaType",
      "unsupported_media_type",
      "The body must be JSON: Content-Type: application/json.",
    );
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw malformed("invalid_json", `The body is not JSON in UTF-8: ${reason}`);
  }
}

function withBody(
  outer: Record<string, unknown>,
  body: unknown,
  field: string | true | undefined,
  taken: readonly string[],
): Record<string, unknown> {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw invalid([{ path: "", code: "invalid_type", message: "the body must be a JSON object" }]);
  }
  if (field === undefined) {
    const [stray] = Object.keys(body);
    if (stray === undefined) return outer;
    throw invalid([
      { path: stray, code: "unknown_field", message: "is not a field: this request takes no body" },
    ]);
  }
  // A field of the body must not pass for one of the path or the query, nor the other way round.
  const [shadowed] = (field === true ? Object.keys(body) : [field]).filter((name) =>
    taken.includes(name),
  );
  if (shadowed !== undefined) {
    const message = "is not a field of this request";
    throw invalid([{ path: shadowed, code: "unknown_field", message }]);
  }
  return field === true ? { ...outer, ...body } : { ...outer, [field]: body };
}

/**
 * Faults in REST's own terms: a field of the body has the name that it has there, and a path or query
 * that is wrong makes the request malformed (400) instead of unacceptable (422).
 */
export function restFailure(
  thrown: unknown,
  outer: Record<string, unknown>,
  body: string | true | undefined,
): unknown {
  if (!(thrown instanceof Failure) || thrown.kind !== "invalid" || thrown.fields.length === 0) {
    return thrown;
  }
  const inBody = ({ path }: FieldFault): boolean =>
    body === true ? !(headOf(path) in outer) : headOf(path) === body;
  const fields = thrown.fields.map((fault) =>
    typeof body === "string" && inBody(fault)
      ? { ...fault, path: fault.path.slice(body.length).replace(/^\./, "") }
      : fault,
  );
  if (thrown.fields.every(inBody)) return invalid(fields);
  const { message } = invalid(fields);
  return malformed("invalid_fields", message, fields);
}

function headOf(path: string): string {
  return path.split(/[.[]/, 1)[0] ?? "";
}
