import { FAILURES, type FailureKind } from "../errors.ts";
import type { JsonSchema } from "./schema.ts";

/** One of the service's stable codes of failures. */
export interface ErrorCode {
  readonly code: string;
  readonly kind: FailureKind;
  /** As it is told, where that is always the same. */
  readonly message?: string;
}

const REQUEST_ID = "b7c1f0de-5b0e-4c2c-8a55-9d1c5d2f7a10";

/** The schema of every problem (RFC 9457); a failure may say further facts. */
export const PROBLEM: JsonSchema = {
  type: "object",
  description: "A failure, as RFC 9457 writes it. Further members are facts about it, by name.",
  required: ["type", "title", "status", "detail", "code", "requestId"],
  properties: {
    type: { type: "string", format: "uri-reference", description: "Where the code is explained." },
    title: { type: "string", description: "What kind of failure it is." },
    status: { type: "integer", description: "The status of HTTP.", minimum: 400, maximum: 599 },
    detail: { type: "string", description: "What is wrong, and what to do next." },
    code: { type: "string", description: "Which failure it is: stable, for programs." },
    requestId: { type: "string", description: "Of the request, as in the services' logs." },
    errors: {
      type: "array",
      description: "What is wrong with which fields; at most 50.",
      items: {
        type: "object",
        required: ["path", "code", "message"],
        properties: {
          path: { type: "string", description: "The field, such as `address.city` or `tags[2]`." },
          code: { type: "string", description: "Which rule it breaks." },
          message: { type: "string", description: "The same in words." },
        },
      },
    },
  },
};

/** What clients can do about a status of failure, in the document's words. */
const MEANING: Readonly<Record<number, string>> = {
  400: "The request cannot be read: its JSON, its query, an id in the path, a cursor, a header.",
  401: "No credential, or a wrong, expired or revoked one.",
  403: "The caller may not do this.",
  404: "There is no such thing, or it is another company's.",
  409: "It is already there, its state forbids it, or the same request is still being answered.",
  412: "It was changed since the version that If-Match names.",
  413: "The body is too large.",
  415: "The body is of another media type, or in another charset, than can be read.",
  422: "A field is not acceptable, or the Idempotency-Key was used for another request.",
  429: "Too many requests: `Retry-After` says when to come back.",
  500: "A fault of the service. Nothing of it is told, but the request's id.",
  503: "Something that the service needs is away: `Retry-After` says when to come back.",
  504: "The answer was not ready in time. What was asked may or may not have been done.",
};

/** The statuses that the document has an answer for. */
export const PROBLEM_STATUSES = Object.keys(MEANING).map(Number);

/** The codes of a status. */
export function codesOf(status: number, codes: readonly ErrorCode[]): readonly ErrorCode[] {
  return codes.filter(({ kind }) => FAILURES[kind].status === status);
}

/** The answers of failures, by status, as components; each names its codes. */
export function problemResponses(codes: readonly ErrorCode[]): Record<string, object> {
  return Object.fromEntries(
    PROBLEM_STATUSES.map((status) => [`Problem${status}`, problemResponse(status, codes)]),
  );
}

function problemResponse(status: number, codes: readonly ErrorCode[]): object {
  const known = codesOf(status, codes);
  const retry = [409, 429, 503].includes(status);
  return {
    description: MEANING[status],
    headers: {
      "X-Request-Id": header("RequestId"),
      ...(status === 401 && { "WWW-Authenticate": header("WwwAuthenticate") }),
      ...(retry && { "Retry-After": header("RetryAfter") }),
      ...(status === 429 && {
        RateLimit: header("RateLimit"),
        "RateLimit-Policy": header("RateLimitPolicy"),
      }),
    },
    content: {
      "application/problem+json": {
        schema: {
          allOf: [
            { $ref: "#/components/schemas/Problem" },
            {
              properties: {
                status: { const: status },
                code: { enum: known.map(({ code }) => code) },
              },
            },
          ],
        },
        examples: Object.fromEntries(known.map((code) => [code.code, { value: exampleOf(code) }])),
      },
    },
  };
}

function exampleOf({ kind, code, message }: ErrorCode): object {
  const { status, title } = FAILURES[kind];
  return {
    type: `/docs#${code}`,
    title,
    status,
    detail: message ?? title,
    code,
    requestId: REQUEST_ID,
    ...(kind === "invalid" && {
      errors: [{ path: "name", code: "required", message: "is required" }],
    }),
  };
}

/** A reference to one of `HEADERS`. */
export function header(name: keyof typeof HEADERS): { readonly $ref: string } {
  return { $ref: `#/components/headers/${name}` };
}

const text = (description: string, required: boolean, example: string) => ({
  description,
  required,
  schema: { type: "string", maxLength: 200 },
  example,
});

/** The headers of answers, as components. */
export const HEADERS = {
  RequestId: text("The request's own id, or the one that was given to it.", true, REQUEST_ID),
  ETag: text("The version, for `If-Match`.", true, '"3"'),
  Location: text("Where it is.", true, "/v1/things/01930b5e-7c1a-7d3f-9a68-2f4be91c0d57"),
  IdempotencyReplayed: text("`true` if the request was answered before.", false, "true"),
  RetryAfter: text("Seconds after which a retry makes sense.", false, "5"),
  RateLimit: text(
    "What is left of the limit (draft-ietf-httpapi-ratelimit-headers).",
    false,
    '"session";r=0;t=5',
  ),
  RateLimitPolicy: text("The limit that was reached.", false, '"session";q=600;w=60'),
  WwwAuthenticate: text("`Bearer`.", true, "Bearer"),
};
