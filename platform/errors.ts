import { Code } from "@connectrpc/connect";

/**
 * The one table of failures: what each kind is called over HTTP (status and title, RFC 9457) and over
 * Connect and gRPC (code). Transports look here and decide nothing by themselves.
 */
export const FAILURES = {
  malformed: { status: 400, rpc: Code.InvalidArgument, title: "Bad request" },
  unauthenticated: { status: 401, rpc: Code.Unauthenticated, title: "Not authenticated" },
  forbidden: { status: 403, rpc: Code.PermissionDenied, title: "Not allowed" },
  notFound: { status: 404, rpc: Code.NotFound, title: "Not found" },
  methodNotAllowed: { status: 405, rpc: Code.Unimplemented, title: "Method not allowed" },
  duplicate: { status: 409, rpc: Code.AlreadyExists, title: "Already exists" },
  wrongState: { status: 409, rpc: Code.FailedPrecondition, title: "Not possible in this state" },
  inFlight: { status: 409, rpc: Code.Aborted, title: "Still in progress" },
  stale: { status: 412, rpc: Code.Aborted, title: "Changed in the meantime" },
  tooLarge: { status: 413, rpc: Code.ResourceExhausted, title: "Too large" },
  mediaType: { status: 415, rpc: Code.InvalidArgument, title: "Unsupported media type" },
  invalid: { status: 422, rpc: Code.InvalidArgument, title: "Not acceptable" },
  rateLimited: { status: 429, rpc: Code.ResourceExhausted, title: "Too many requests" },
  headTooLarge: { status: 431, rpc: Code.ResourceExhausted, title: "Head too large" },
  internal: { status: 500, rpc: Code.Internal, title: "Internal error" },
  unavailable: { status: 503, rpc: Code.Unavailable, title: "Unavailable" },
  deadline: { status: 504, rpc: Code.DeadlineExceeded, title: "Deadline exceeded" },
} as const satisfies Record<string, { status: number; rpc: Code; title: string }>;

export type FailureKind = keyof typeof FAILURES;

/** One field that is not acceptable: where (`address.city`, `tags[2]`), which rule, and in words. */
export interface FieldFault {
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

/** A limit that was reached: so often (`points`) within so many `seconds`. */
export interface Quota {
  readonly name: string;
  readonly points: number;
  readonly seconds: number;
}

export interface FailureDetails {
  readonly fields?: readonly FieldFault[];
  /** Seconds after which a retry makes sense; becomes `Retry-After` and google.rpc.RetryInfo. */
  readonly retryAfter?: number;
  /** Becomes `RateLimit` and `RateLimit-Policy`. */
  readonly quota?: Quota;
  /** Further facts for the client, by name: members of the problem, metadata of the RPC error. */
  readonly facts?: Readonly<Record<string, unknown>>;
  /** Stays in the service: for the log, never for the client. */
  readonly cause?: unknown;
}

/**
 * A failure that the client is told about. `code` is stable and machine-readable; `message` says
 * what is wrong and what to do. Anything else that is thrown is a bug and reaches the client as
 * `internal`, without its message.
 */
export class Failure extends Error {
  readonly kind: FailureKind;
  readonly code: string;
  readonly fields: readonly FieldFault[];
  readonly retryAfter: number | undefined;
  readonly quota: Quota | undefined;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(kind: FailureKind, code: string, message: string, details: FailureDetails = {}) {
    super(message, { cause: details.cause });
    this.name = "Failure";
    this.kind = kind;
    this.code = code;
    this.fields = details.fields ?? [];
    this.retryAfter = details.retryAfter;
    this.quota = details.quota;
    this.facts = details.facts ?? {};
  }
}

/** No, wrong, expired or revoked credential: one failure for all, so that none can be told apart. */
export function unauthenticated(cause?: unknown): Failure {
  return new Failure(
    "unauthenticated",
    "unauthenticated",
    "The credential is missing, wrong, expired or revoked: sign in again.",
    { cause },
  );
}

/** Absent, deleted, or another tenant's: the same failure, so that ids cannot be probed. */
export function notFound(what: string): Failure {
  return new Failure("notFound", "not_found", `There is no such ${what}.`);
}

/** The caller knows an older version than the one that is stored. */
export function stale(current: number): Failure {
  return new Failure(
    "stale",
    "version_mismatch",
    `It was changed meanwhile: read it again (version ${current}) and repeat the change on that.`,
    { facts: { currentVersion: current } },
  );
}

export function malformed(code: string, message: string, fields: FieldFault[] = []): Failure {
  return new Failure("malformed", code, message, { fields });
}

/** More faults than these help nobody, and a body full of unknown fields would come back enlarged. */
export const MAX_FAULTS = 50;
const MAX_PATH = 200;
/** Enough for what is wrong; what there is instead may be a long list. */
const MAX_MESSAGE = 300;
/** Of all together, which gRPC sends in a trailer; each is told by itself, too. */
const MAX_LIST = 2_000;

/**
 * Fields that are not acceptable: the first 50 are told, and paths and messages cut where they get long.
 * `message` is told instead of theirs.
 */
export function invalid(faults: readonly FieldFault[], message?: string, cause?: unknown): Failure {
  const fields = faults.slice(0, MAX_FAULTS).map((fault) => ({
    ...fault,
    path: shortened(fault.path, MAX_PATH),
    message: shortened(fault.message, MAX_MESSAGE),
  }));
  const list = fields
    .map((field) => (field.path === "" ? field.message : `${field.path}: ${field.message}`))
    .join("; ");
  const told = message ?? shortened(list, MAX_LIST);
  return new Failure("invalid", "invalid_fields", told, { fields, cause });
}

function shortened(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1).toWellFormed()}…`;
}

/** A limit was reached; a retry makes sense after that many seconds. */
export function rateLimited(quota: Quota, retryAfter: number): Failure {
  const message = `Too many requests: wait ${retryAfter} s, then try again.`;
  return new Failure("rateLimited", "rate_limited", message, { retryAfter, quota });
}

/**
 * The headers that tell when to come back: RFC 9110, section 10.2.3, and
 * draft-ietf-httpapi-ratelimit-headers-10.
 */
export function retryHeaders({ retryAfter, quota }: Failure): Record<string, string> {
  return {
    ...(retryAfter !== undefined && { "retry-after": String(retryAfter) }),
    ...(quota !== undefined && {
      ratelimit: `"${quota.name}";r=0;t=${retryAfter ?? quota.seconds}`,
      "ratelimit-policy": `"${quota.name}";q=${quota.points};w=${quota.seconds}`,
    }),
  };
}

export function deadlineExceeded(cause?: unknown): Failure {
  return new Failure(
    "deadline",
    "deadline_exceeded",
    "The deadline passed before the answer was ready. What was asked may or may not have been done.",
    { cause },
  );
}

/** A dependency is away; `what` names it in words that give nothing internal away. */
export function unavailable(what: string, cause?: unknown, retryAfter = 1): Failure {
  return new Failure("unavailable", "unavailable", `${what} is not reachable; try again.`, {
    retryAfter,
    cause,
  });
}

/** What the client may know of anything that was thrown. Bugs become `internal`, their text stays. */
export function asFailure(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  return new Failure(
    "internal",
    "internal",
    "Something went wrong on our side. The request id helps to find it in the log.",
    { cause: thrown },
  );
}
