import type { Logger } from "pino";

/** How far a permission reaches: every row of the tenant, or the user's own. */
export type Scope = "all" | "own";

/** Who makes a request: a user, as the access token's session says, or a program with an API key. */
export interface Actor {
  readonly kind: "user" | "apiKey";
  readonly tenantId: string;
  /** Of an API key, the key's own id: nobody's, so nothing can belong to it. */
  readonly userId: string;
  readonly role: string;
  /** Of an API key, the key's id once more. */
  readonly sessionId: string;
  /** By `resource:action`. What is not in it is not allowed. */
  readonly permissions: ReadonlyMap<string, Scope>;
  /** The tenant demands a second factor, and the user has none yet: to set it up is all that is allowed. */
  readonly secondFactorMissing?: boolean;
  /** When what was shown ends, in milliseconds since 1970; Infinity for an API key without an end. */
  readonly expiresAt: number;
}

/** What an operation may know of the request that it serves, whatever carried it. */
export interface RequestContext<Services> {
  readonly services: Services;
  readonly requestId: string;
  /** W3C trace context to hand on to whatever is called next. */
  readonly traceparent: string;
  readonly clientAddress: string;
  readonly userAgent: string | undefined;
  /** The bearer token as it came, not looked at yet. */
  readonly token: string | undefined;
  readonly idempotencyKey: string | undefined;
  /** When the answer must be there, in milliseconds since 1970. */
  readonly deadline: number;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Set by the operation when it answers from a former request with the same idempotency key. */
  replayed: boolean;
  /** Set once the request is authenticated; for the log. */
  actor: Actor | undefined;
}
