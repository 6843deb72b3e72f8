import type { Actor, RequestContext } from "@crm/platform/context";
import { unauthenticated } from "@crm/platform/errors";
import type { Foundation } from "@crm/platform/service";
import { findPresentedKey, noteUse } from "../api-keys/queries.ts";
import { hashToken, tenantOfOpaqueToken } from "../auth/opaque-tokens.ts";
import type { AccessTokens } from "../auth/tokens.ts";
import { rememberedPermissions } from "../roles/remembered.ts";
import type { UserServices } from "../services.ts";
import type { DB } from "../tables.gen.ts";
import { findLiveSession } from "./queries.ts";
import { rememberedTokens } from "./verified.ts";

const NOTE_TIMEOUT_MS = 5_000;

type Bounds = Pick<RequestContext<unknown>, "deadline">;

/**
 * Tells whom a credential stands for at this moment. An access token: genuine, not expired, of a
 * session that goes on and a user who is active. An API key: known, not expired, not revoked.
 *
 * Throws `unauthenticated`, whose cause says why: `expired`, `malformed`, `revoked`.
 */
export function authenticator({
  tokens,
  database,
  log,
}: {
  readonly tokens: AccessTokens;
} & Pick<Foundation<DB>, "database" | "log">): UserServices["authenticate"] {
  const verify = rememberedTokens(tokens.verify);
  const permissionsOf = rememberedPermissions();
  /** Keys whose use is being noted. */
  const noting = new Set<string>();

  async function authenticateUser(token: string, { deadline }: Bounds): Promise<Actor> {
    const { tenantId, userId, sessionId, expiresAt } = await verify(token);
    const db = database.sharedReader({ tenantId, deadline });
    const live = await findLiveSession(db, { tenantId, sessionId, userId });
    if (live === null) throw unauthenticated("revoked");
    const { role, rulesVersion, secondFactorMissing } = live;
    const permissions = secondFactorMissing
      ? new Map<string, never>()
      : await permissionsOf(db, { tenantId, role, rulesVersion });
    const user = { tenantId, userId, sessionId, role, permissions, expiresAt };
    return { kind: "user", ...user, secondFactorMissing };
  }

  async function authenticateKey(
    tenantId: string,
    key: string,
    { deadline }: Bounds,
  ): Promise<Actor> {
    const db = database.reader({ tenantId, deadline });
    const found = await findPresentedKey(db, tenantId, hashToken(key));
    if (found === null) throw unauthenticated("malformed");
    if (found.revoked) throw unauthenticated("revoked");
    const expiresAt = found.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY;
    if (expiresAt <= Date.now()) throw unauthenticated("expired");
    const { id, role, rulesVersion, useIsNews } = found;
    if (useIsNews) note(tenantId, id);
    const permissions = await permissionsOf(db, { tenantId, role, rulesVersion });
    return { kind: "apiKey", tenantId, userId: id, sessionId: id, role, permissions, expiresAt };
  }

  /** Nobody waits for it: a request is not slower for being the first within a minute. */
  function note(tenantId: string, id: string): void {
    if (noting.has(id)) return;
    noting.add(id);
    database
      .transaction({ tenantId, deadline: Date.now() + NOTE_TIMEOUT_MS }, (db) =>
        noteUse(db, tenantId, id),
      )
      .catch((error: unknown) => log.warn({ event: "key_use_not_noted", apiKeyId: id, err: error }))
      .finally(() => noting.delete(id));
  }

  return (credential, bounds) => {
    const tenantId = tenantOfOpaqueToken("api_key", credential);
    return tenantId === null
      ? authenticateUser(credential, bounds)
      : authenticateKey(tenantId, credential, bounds);
  };
}
