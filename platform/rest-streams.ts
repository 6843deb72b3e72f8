import type { Context } from "hono";
import { refuseCharset } from "./charset.ts";
import type { RequestContext } from "./context.ts";
import { asFailure, Failure, malformed } from "./errors.ts";
import { readFileForm } from "./multipart.ts";
import { routesOf } from "./openapi/routes.ts";
import { traceId } from "./request.ts";
import { answer, queryOf, type RestApp, type RestEnv, type Route, restFailure } from "./rest.ts";
import { type StreamOperation, UNBOUNDED_MS, type UploadOperation } from "./streams.ts";

const GET = { method: "GET", conditional: false, located: false, moves: false } as const;

interface FileRoute<Item> {
  readonly path: string;
  /** Such as `text/csv; charset=utf-8`. */
  readonly type: string;
  /** What browsers save it as. */
  readonly fileName: string;
  readonly bytes: (item: Item) => Uint8Array<ArrayBuffer> | string;
}

/** Answers GET with a stream's items as one file. An error amid them breaks the connection off. */
export function mountFile<Services, Item extends object | string>(
  app: RestApp<Services>,
  operation: StreamOperation<Services, Item>,
  { path, type, fileName, bytes }: FileRoute<Item>,
): void {
  routesOf(app).operations.push({ ...GET, path, operation, answer: { kind: "file", type } });
  app.get(path, async (c) => {
    const items = await open(c, operation, path);
    c.header("cache-control", "no-store");
    c.header("content-type", type);
    c.header("content-disposition", `attachment; filename="${fileName}"`);
    return c.body(streamed(c, operation.name, items, (item) => (item === null ? "" : bytes(item))));
  });
}

/** The id of the event behind the last item; whoever has seen it need not come back. */
const LAST_EVENT = "end";

/**
 * Answers GET with a stream's items as server-sent events, and with a comment every 15 seconds between
 * them (WHATWG HTML, section 9.2). After the last item comes an event `end`: a client that reconnects
 * then, as EventSource does, is told by 204 to stop.
 */
export function mountEvents<Services, Item extends object | string>(
  app: RestApp<Services>,
  operation: StreamOperation<Services, Item>,
  { path }: { readonly path: string },
): void {
  const answer = { kind: "events", schema: operation.item } as const;
  routesOf(app).operations.push({ ...GET, path, operation, answer });
  app.get(path, async (c) => {
    if (c.req.header("last-event-id") === LAST_EVENT) {
      await operation.admit(c.get("request"));
      return c.body(null, 204);
    }
    const items = await open(c, operation, path);
    c.header("cache-control", "no-store");
    c.header("content-type", "text/event-stream; charset=utf-8");
    // Asks nginx not to collect the events first.
    c.header("x-accel-buffering", "no");
    const event = (item: Item | null): string =>
      item === null ? ":\n\n" : `data: ${JSON.stringify(item)}\n\n`;
    const last = `id: ${LAST_EVENT}\nevent: ${LAST_EVENT}\ndata: {}\n\n`;
    return c.body(streamed(c, operation.name, items, event, last));
  });
}

async function open<Services, Item>(
  c: Context<RestEnv<Services>>,
  operation: StreamOperation<Services, Item>,
  path: string,
): Promise<AsyncGenerator<Item | null, void>> {
  const context = unbounded(c);
  const admission = await operation.admit(context);
  const outer = { ...queryOf(c, { method: "GET", path }), ...c.req.param() };
  return operation.run(context, admission, outer).catch((thrown: unknown) => {
    throw restFailure(thrown, outer, undefined);
  });
}

/** REST's deadline is for answers that come as a whole. */
function unbounded<Services>(c: Context<RestEnv<Services>>): RequestContext<Services> {
  const context = { ...c.get("request"), deadline: Date.now() + UNBOUNDED_MS };
  c.set("request", context);
  return context;
}

/**
 * A body of the items, each asked for when the client has taken the one before. Bun ends a body that
 * throws by resetting the connection, so that no client takes a part for the whole; the rest of the
 * service learns of it here, since the headers are long gone.
 */
function streamed<Services, Item>(
  c: Context<RestEnv<Services>>,
  operation: string,
  items: AsyncGenerator<Item, void>,
  render: (item: Item) => Uint8Array<ArrayBuffer> | string,
  last = "",
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const { log, requestId, traceparent, signal, actor } = c.get("request");
  const started = performance.now();
  const encoder = new TextEncoder();
  const bytesOf = (rendered: Uint8Array<ArrayBuffer> | string) =>
    typeof rendered === "string" ? encoder.encode(rendered) : rendered;
  let sent = 0;

  function ended(outcome: "complete" | "abandoned" | "failed", thrown?: unknown): void {
    const failure = thrown === undefined ? undefined : asFailure(thrown);
    log[failure?.kind === "internal" ? "error" : "info"]({
      event: "stream",
      operation,
      outcome,
      requestId,
      traceId: traceId(traceparent),
      tenantId: actor?.tenantId,
      userId: actor?.userId,
      bytes: sent,
      ms: Math.round(performance.now() - started),
      code: failure?.code,
      err: failure?.cause,
    });
  }

  async function* bytes(): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
    let outcome: "complete" | "abandoned" | "failed" = "abandoned";
    let thrown: unknown;
    try {
      for await (const item of items) {
        const chunk = bytesOf(render(item));
        if (chunk.length === 0) continue;
        sent += chunk.length;
        yield chunk;
      }
      if (last !== "") yield bytesOf(last);
      outcome = "complete";
    } catch (error) {
      thrown = error;
      if (!signal.aborted) outcome = "failed";
      throw error;
    } finally {
      ended(outcome, outcome === "failed" ? thrown : undefined);
    }
  }

  const chunks = bytes();
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        // If nothing was ever pulled, `bytes` has not begun, and would end without ending them.
        await Promise.all([chunks.return(), items.return()]);
      },
    },
    { highWaterMark: 0 },
  );
}

interface UploadRoute<Output> extends Pick<Route<Output>, "path" | "status" | "location"> {
  /** Media types of a body that is the content itself. */
  readonly types: readonly string[];
  /** The encodings in which the content can be, by name; which it is, its bytes tell. */
  readonly charsets: readonly string[];
  /** A form's field by name, where it is more than its text. Throws a Failure. */
  readonly fields?: Readonly<Record<string, (text: string) => unknown>>;
}

/**
 * Takes POSTs whose body is the content, with parameters in the query, or a form (RFC 7578) whose
 * fields are parameters and whose one file is the content. Neither is ever held as a whole.
 */
export function mountUpload<Services, Output>(
  app: RestApp<Services>,
  operation: UploadOperation<Services, Output>,
  route: UploadRoute<Output>,
): void {
  const { path, status, types, charsets } = route;
  routesOf(app).operations.push({
    method: "POST",
    path,
    operation,
    uploads: { types, charsets },
    status,
    conditional: false,
    answer: { kind: "json", schema: operation.output },
    located: route.location !== undefined,
    moves: false,
  });
  app.post(route.path, async (c) => {
    const context = unbounded(c);
    const admission = await operation.admit(context);
    const post = { method: "POST", ...route } as const;
    const written = { ...queryOf(c, post), ...c.req.param() };
    const { content, fields } = await contentOf(c.req.raw, route);
    const twice = Object.keys(fields).find((name) => name in written);
    if (twice !== undefined) {
      await content.return?.();
      throw malformed("invalid_form", `${twice} is in the query and in the form: say it once.`);
    }
    try {
      const outer = Object.fromEntries(
        Object.entries({ ...written, ...fields }).map(([name, value]) => {
          const read = typeof value === "string" ? route.fields?.[name] : undefined;
          return [name, read === undefined ? value : read(String(value))];
        }),
      );
      const output = await operation.run(context, admission, outer, content).catch((thrown) => {
        // What is wrong with the content has a code of its own.
        const ofFields = thrown instanceof Failure && thrown.code === "invalid_fields";
        throw ofFields ? restFailure(thrown, written, true) : thrown;
      });
      return answer(c, post, context, output);
    } finally {
      await content.return?.();
    }
  });
}

interface Uploaded {
  readonly content: AsyncGenerator<Uint8Array, void>;
  readonly fields: Readonly<Record<string, string>>;
}

async function contentOf(
  request: Request,
  { types, charsets }: Pick<UploadRoute<unknown>, "types" | "charsets">,
): Promise<Uploaded> {
  const contentType = request.headers.get("content-type") ?? "";
  const type = contentType.split(";")[0]?.trim().toLowerCase() ?? "";
  const body = bytesOf(request);
  if (types.includes(type)) {
    refuseCharset(contentType, charsets);
    return { content: body, fields: {} };
  }
  if (type !== "multipart/form-data") {
    const accepted = [...types, "multipart/form-data"].join(", ");
    const message = `The body must be of one of these types: ${accepted}.`;
    throw new Failure("mediaType", "unsupported_media_type", message);
  }
  const { fields, file } = await readFileForm(contentType, body);
  return { fields, content: file };
}

async function* bytesOf({ body }: Request): AsyncGenerator<Uint8Array, void> {
  if (body !== null) yield* body;
}
