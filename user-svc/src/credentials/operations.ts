import type { Actor } from "@crm/platform/context";
import { derived } from "@crm/platform/derived";
import { Failure } from "@crm/platform/errors";
import type { Permission } from "../roles/schema.ts";
import { anonymous } from "../services.ts";
import { validatedToken, validateTokenInput } from "./schema.ts";

/**
 * Whom an access token or an API key stands for, for services that were shown it. Throws
 * `unauthenticated` with the code `expired`, `revoked` or `malformed`: whoever may ask this holds the
 * token already.
 */
export const validateToken = anonymous({
  name: "users.validateToken",
  // Peers ask this for every request, from few addresses. There is nothing to guess: a signature or
  // 256 bits are checked, and that costs little.
  limit: null,
  takesKey: false,
  input: validateTokenInput,
  output: validatedToken,
  async run({ context }, { token }) {
    const { authenticate } = context.services;
    const actor = await authenticate(token, context).catch((error: unknown) => {
      if (!(error instanceof Failure) || error.kind !== "unauthenticated") throw error;
      throw new Failure("unauthenticated", String(error.cause), "The token stands for nobody.");
    });
    const { kind, userId, tenantId, role, sessionId, secondFactorMissing = false } = actor;
    const permissions = listed(actor.permissions);
    const expiresAt = Number.isFinite(actor.expiresAt)
      ? new Date(actor.expiresAt).toISOString()
      : null;
    const valid = { kind, userId, tenantId, role, permissions, sessionId, expiresAt };
    return { ...valid, secondFactorMissing };
  },
});

/** A role's permissions are the same object for all who have it: see rememberedPermissions. */
const listed = derived((permissions: Actor["permissions"]): Permission[] =>
  [...permissions].map(([permission, scope]) => {
    const [resource = "", action = ""] = permission.split(":");
    return { resource, action, scope };
  }),
);
