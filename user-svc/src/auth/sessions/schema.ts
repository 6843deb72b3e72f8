import { id, timestamp } from "@crm/platform/input";
import { z } from "zod";
import { tenant } from "../../tenant/schema.ts";
import { user } from "../../users/schema.ts";

/** What signs a user in: the answer to register, login, refresh and accept-invitation. */
export const session = z.strictObject({
  user,
  tenant,
  accessToken: z.string(),
  refreshToken: z.string(),
  tokenType: z.literal("Bearer"),
  expiresIn: z.int(),
});

export const refreshInput = z.strictObject({ refreshToken: z.string().max(200) });

export const nothing = z.strictObject({});

export const endSessionInput = z.strictObject({ id });

/** A session as its user sees it. */
export const sessionInfo = z.strictObject({
  id: z.uuid(),
  device: z.string().nullable(),
  address: z.string().nullable(),
  current: z.boolean(),
  createdAt: timestamp,
  lastUsedAt: timestamp,
  expiresAt: timestamp,
});

export const sessionList = z.strictObject({ items: z.array(sessionInfo) });

export type Session = z.output<typeof session>;
