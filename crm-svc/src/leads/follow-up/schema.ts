import { expectedVersion, flag, id, moment, text, wholeNumber } from "@crm/platform/input";
import { pageInput } from "@crm/platform/pages";
import { z } from "zod";
import { assigneeFilter } from "../schema.ts";

export const inactiveInput = z.strictObject({
  /** Without any activity for so many days; without it, for as many as the settings have by status. */
  days: wholeNumber(1, 3_650).optional(),
  assignedUserId: assigneeFilter.optional(),
  /** Also those that are snoozed. */
  includeSnoozed: flag.default(false),
  ...pageInput,
});

export const snoozeInput = z.strictObject({
  id,
  until: moment,
  reason: text(500),
  expectedVersion,
});
