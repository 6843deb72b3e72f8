import { id, moment, text, timestamp } from "@crm/platform/input";
import { pageInput, pageOf } from "@crm/platform/pages";
import { z } from "zod";
import { role } from "../roles/schema.ts";

export const apiKey = z.strictObject({
  id: z.uuid(),
  name: z.string(),
  role,
  hint: z.string(),
  createdBy: z.uuid(),
  createdAt: timestamp,
  expiresAt: timestamp.nullable(),
  lastUsedAt: timestamp.nullable(),
  revokedAt: timestamp.nullable(),
});

export const apiKeyPage = pageOf(apiKey);

/** The key itself is in here and nowhere else. */
export const createdApiKey = apiKey.extend({ key: z.string() });

export const createApiKeyInput = z.strictObject({
  name: text(100),
  role,
  expiresAt: moment.nullish(),
});

export const listApiKeysInput = z.strictObject(pageInput);
export const deleteApiKeyInput = z.strictObject({ id });

export type ApiKey = z.output<typeof apiKey>;
export type CreatedApiKey = z.output<typeof createdApiKey>;
