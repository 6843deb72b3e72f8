import type { Actor, RequestContext, Scope } from "./context.ts";
import { Failure, unauthenticated } from "./errors.ts";
import type { Limit } from "./limits.ts";
import { limited } from "./refusals.ts";
import type { SecurityEvents } from "./security-events.ts";

/**
 * What a caller must be: signed in by whatever credential, signed in as a person (`session`: no API
 * key; `anySession`: also one who must set up a second factor first), or of a role that may do this to
 * a resource.
 */
export type Access = "signedIn" | "session" | "anySession" | `${string}:${string}`;

/** Proof that the caller was let in; only `admit` makes it, and `run` of an operation asks for it. */
export interface Admission {
  readonly actor: Actor | null;
  readonly scope: Scope;
}

/** What letting somebody in needs of the service. */
export interface AdmissionServices {
  /** Who a bearer token stands for. Throws `unauthenticated` (always the same) or `unavailable`. */
  authenticate(token: string, context: RequestContext<unknown>): Promise<Actor>;
  readonly limits: { readonly session: Limit };
  readonly securityEvents: Pick<SecurityEvents<never>, "record">;
}

/** Lets a caller in to an operation. Throws `unauthenticated`, `rateLimited` or `forbidden`. */
export async function admit(
  context: RequestContext<AdmissionServices>,
  operation: string,
  access: Access | "anyone",
): Promise<Admission> {
  if (access === "anyone") return { actor: null, scope: "own" };
  if (context.token === undefined) throw unauthenticated();
  const actor = await context.services.authenticate(context.token, context);
  context.actor = actor;
  const { session } = context.services.limits;
  return limited(context, operation, session, actor.sessionId, async () =>
    authorize(actor, access),
  );
}

function authorize(actor: Actor, access: Access): Admission {
  const personal = access === "session" || access === "anySession";
  if (personal && actor.kind !== "user") {
    throw new Failure("forbidden", "forbidden", "This is for users: an API key has no session.");
  }
  if (actor.secondFactorMissing && access !== "anySession") {
    throw new Failure(
      "forbidden",
      "second_factor_enrolment_required",
      `The company demands a second factor of the role ${actor.role}: set one up first.`,
    );
  }
  const signedIn = access === "signedIn" || personal;
  const scope = signedIn ? "own" : actor.permissions.get(access);
  if (scope === undefined) {
    throw new Failure("forbidden", "forbidden", `The role ${actor.role} may not do ${access}.`, {
      facts: { permission: access },
    });
  }
  return { actor, scope };
}
