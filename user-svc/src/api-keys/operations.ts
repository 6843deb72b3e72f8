import { invalid, notFound } from "@crm/platform/errors";
import { cutPage } from "@crm/platform/pages";
import { announceRevocation } from "@crm/platform/revocation";
import { z } from "zod";
import { hashToken, newOpaqueToken } from "../auth/opaque-tokens.ts";
import { refuseHigherRole } from "../roles/grants.ts";
import { securityEvent } from "../security/events.ts";
import { read, write } from "../services.ts";
import * as queries from "./queries.ts";
import {
  apiKeyPage,
  createApiKeyInput,
  createdApiKey,
  deleteApiKeyInput,
  listApiKeysInput,
} from "./schema.ts";

const HINT_LENGTH = 4;

/**
 * Makes a key, which is shown this once. It is the tenant's: what a company has set up with it must not
 * fail because somebody left, so it goes on when its maker is disabled or gets another role.
 *
 * Throws `forbidden` for a role that may do more than the caller.
 */
export const createApiKey = write({
  name: "apiKeys.create",
  access: "apiKeys:create",
  input: createApiKeyInput,
  output: createdApiKey,
  secretOutput: true,
  async run({ db, actor }, { name, role, expiresAt = null }) {
    await refuseHigherRole(db, actor, role);
    // Not the schema's to say: the answer to a repeated request outlives the moment.
    if (expiresAt !== null && expiresAt.getTime() <= Date.now()) {
      const message = "must be in the future";
      throw invalid([{ path: "expiresAt", code: "not_future", message }]);
    }
    const id = Bun.randomUUIDv7();
    const key = newOpaqueToken("api_key", actor.tenantId);
    const added = await queries.insertApiKey(db, actor.tenantId, {
      id,
      name,
      role,
      hint: key.slice(-HINT_LENGTH),
      hash: hashToken(key),
      createdBy: actor.userId,
      expiresAt,
    });
    return {
      output: { ...added, key },
      audit: { entity: "apiKey", entityId: id, action: "created", before: null, after: added },
      events: [securityEvent("api_key_created", { details: { apiKeyId: id, role } })],
    };
  },
});

const listPosition = z.tuple([z.string(), z.string()]);

/** The tenant's keys, also those that are no longer good, newest first. */
export const listApiKeys = read({
  name: "apiKeys.list",
  access: "apiKeys:read",
  input: listApiKeysInput,
  output: apiKeyPage,
  async run({ context, db, actor, ownerOnly }, { limit, cursor }) {
    const { cursors } = context.services;
    const reach = { tenantId: actor.tenantId, createdBy: ownerOnly };
    const list = ["apiKeys.list", reach];
    const position = cursors.open(list, cursor, listPosition);
    const after = position && { createdAt: position[0], id: position[1] };
    const rows = await queries.listApiKeys(db, reach, limit, after);
    return cutPage(rows, limit, (last) => cursors.seal(list, [last.createdAt, last.id]));
  },
});

/**
 * Revokes a key, at once and for ever; one that is revoked already stays so. Throws `notFound`, and
 * `forbidden` for a role that may do more than the caller.
 */
export const deleteApiKey = write({
  name: "apiKeys.delete",
  access: "apiKeys:delete",
  input: deleteApiKeyInput,
  output: z.void(),
  async run({ context, db, actor, ownerOnly }, { id }) {
    const { tenantId } = actor;
    const before = await queries.lockApiKey(db, { tenantId, createdBy: ownerOnly }, id);
    if (before === null) throw notFound("API key");
    await refuseHigherRole(db, actor, before.role);
    if (before.revokedAt !== null) return { output: undefined, audit: [] };
    const after = await queries.revokeApiKey(db, tenantId, id);
    return {
      output: undefined,
      audit: {
        entity: "apiKey",
        entityId: id,
        action: "revoked",
        before: { revokedAt: null },
        after: { revokedAt: after.revokedAt },
      },
      events: [securityEvent("api_key_revoked", { details: { apiKeyId: id } })],
      afterCommit: () => announceRevocation(context.services.keyValue, { tenantId, sessionId: id }),
    };
  },
});
