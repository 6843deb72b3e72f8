import { timestamp } from "@crm/platform/input";
import { z } from "zod";
import { permission } from "../roles/schema.ts";

export const validateTokenInput = z.strictObject({ token: z.string().default("") });

/** Of an API key, the user and the session are the key itself. */
export const validatedToken = z.strictObject({
  kind: z.enum(["user", "apiKey"]),
  userId: z.uuid(),
  tenantId: z.uuid(),
  role: z.string(),
  permissions: z.array(permission),
  sessionId: z.uuid(),
  expiresAt: timestamp.nullable(),
  /** There are no permissions then: all that the user may do is set it up. */
  secondFactorMissing: z.boolean(),
});
