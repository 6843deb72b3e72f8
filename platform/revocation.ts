import { z } from "zod";
import type { Actor } from "./context.ts";
import type { KeyValueStore } from "./keyvalue.ts";

const CHANNEL = "identity:revoked";

const revocationSchema = z.object({
  tenantId: z.uuid(),
  userId: z.uuid().optional(),
  sessionId: z.uuid().optional(),
});

/**
 * What is no longer true: everything known of a tenant (its permissions changed), of one user in it
 * (role changed, disabled), or of one session or API key. It concerns whom all of its fields match.
 */
export type Revocation = Readonly<z.output<typeof revocationSchema>>;

/**
 * Tells every process of every service. Throws if Redis is away: then they notice by themselves, as
 * soon as they ask user-svc again.
 */
export async function announceRevocation(
  keyValue: KeyValueStore,
  revocation: Revocation,
): Promise<void> {
  await keyValue.publish(CHANNEL, JSON.stringify(revocation));
}

/** Whether a revocation concerns somebody who was found to be signed in before it. */
export function revokes(
  revocation: Revocation,
  actor: Pick<Actor, "tenantId" | "userId" | "sessionId">,
): boolean {
  const { tenantId, userId = actor.userId, sessionId = actor.sessionId } = revocation;
  return tenantId === actor.tenantId && userId === actor.userId && sessionId === actor.sessionId;
}

export interface RevocationListener {
  readonly revoked: (revocation: Revocation) => void;
  /** Some may not have been heard, because Redis was not there: trust nothing from before. */
  readonly missed: () => void;
  /** A message that is none of ours. It says nothing about anybody, so it is ignored. */
  readonly malformed: () => void;
}

/** Listens from as soon as Redis is there; `missed` is called each time that this has begun. */
export function onRevocation(keyValue: KeyValueStore, listener: RevocationListener): void {
  const receive = (message: string): void => {
    const revocation = parse(message);
    if (revocation === null) listener.malformed();
    else listener.revoked(revocation);
  };
  keyValue.subscribe(CHANNEL, receive, listener.missed);
}

/** Fields of a later version are left out: without them the message concerns more, never less. */
function parse(message: string): Revocation | null {
  try {
    return revocationSchema.parse(JSON.parse(message));
  } catch {
    return null;
  }
}
